"""Who may do what in a group by default: every command and every button, met by every role and by somebody banned."""

from typing import Final

import pytest

from bot.actions.base import ActionSpec
from bot.actions.packing import FILL
from bot.commands.base import CommandSpec
from bot.events import Command, Event, Payload
from bot.menus import MenuSpec
from bot.routes.base import TextRoute
from db import access, outbox
from db.access import Target
from db.connection import rows
from db.permissions import EVERYBODY, PERMISSIONS, ROLES, Role
from tests.bot.world import Bot, event_of, press

COMMANDS: Final = """
                             | guest | member | moderator | admin | owner |
start                        |   +   |   +    |     +     |   +   |   +   |
help                         |   +   |   +    |     +     |   +   |   +   |
settings                     |   +   |   +    |     +     |   +   |   +   |
message                      |   +   |   +    |     +     |   +   |   +   |
story new                    |   +   |   +    |     +     |   +   |   +   |
story list                   |   +   |   +    |     +     |   +   |   +   |
story continue               |   +   |   +    |     +     |   +   |   +   |
story back                   |   +   |   +    |     +     |   +   |   +   |
story retry                  |   +   |   +    |     +     |   +   |   +   |
story delete                 |   +   |   +    |     +     |   +   |   +   |
persona list                 |   +   |   +    |     +     |   +   |   +   |
persona show                 |   +   |   +    |     +     |   +   |   +   |
persona use                  |   -   |   -    |     +     |   +   |   +   |
persona add                  |   -   |   -    |     +     |   +   |   +   |
persona remove               |   -   |   -    |     +     |   +   |   +   |
persona import               |   -   |   +    |     +     |   +   |   +   |
persona export               |   +   |   +    |     +     |   +   |   +   |
persona create               |   -   |   +    |     +     |   +   |   +   |
persona edit                 |   -   |   +    |     +     |   +   |   +   |
persona generate             |   -   |   +    |     +     |   +   |   +   |
persona bio                  |   -   |   +    |     +     |   +   |   +   |
persona expand               |   -   |   +    |     +     |   +   |   +   |
persona copy                 |   -   |   +    |     +     |   +   |   +   |
persona share                |   -   |   +    |     +     |   +   |   +   |
persona delete               |   -   |   +    |     +     |   +   |   +   |
lore add                     |   +   |   +    |     +     |   +   |   +   |
lore list                    |   +   |   +    |     +     |   +   |   +   |
lore show                    |   +   |   +    |     +     |   +   |   +   |
lore remove                  |   +   |   +    |     +     |   +   |   +   |
feed add                     |   -   |   -    |     -     |   +   |   +   |
feed list                    |   +   |   +    |     +     |   +   |   +   |
feed now                     |   -   |   -    |     -     |   +   |   +   |
feed remove                  |   +   |   +    |     +     |   +   |   +   |
archive add                  |   +   |   +    |     +     |   +   |   +   |
archive list                 |   +   |   +    |     +     |   +   |   +   |
archive search               |   +   |   +    |     +     |   +   |   +   |
archive remove               |   +   |   +    |     +     |   +   |   +   |
channel show                 |   +   |   +    |     +     |   +   |   +   |
channel set                  |   -   |   -    |     -     |   +   |   +   |
channel set persona=         |   -   |   -    |     -     |   +   |   +   |
channel set model=           |   -   |   -    |     -     |   +   |   +   |
channel reset                |   -   |   -    |     -     |   +   |   +   |
chat reset                   |   -   |   -    |     +     |   +   |   +   |
chat new                     |   -   |   -    |     +     |   +   |   +   |
chat branch                  |   -   |   -    |     +     |   +   |   +   |
chat switch                  |   -   |   -    |     +     |   +   |   +   |
chat rename                  |   -   |   -    |     +     |   +   |   +   |
chat note                    |   -   |   -    |     +     |   +   |   +   |
chat suggest                 |   +   |   +    |     +     |   +   |   +   |
chat import                  |   -   |   -    |     +     |   +   |   +   |
chat export                  |   -   |   -    |     +     |   +   |   +   |
chat list                    |   +   |   +    |     +     |   +   |   +   |
memory show                  |   +   |   +    |     +     |   +   |   +   |
memory add                   |   +   |   +    |     +     |   +   |   +   |
memory edit                  |   +   |   +    |     +     |   +   |   +   |
memory forget                |   +   |   +    |     +     |   +   |   +   |
memory search                |   +   |   +    |     +     |   +   |   +   |
memory track                 |   +   |   +    |     +     |   +   |   +   |
memory pin                   |   +   |   +    |     +     |   +   |   +   |
chat context                 |   +   |   +    |     +     |   +   |   +   |
context list                 |   +   |   +    |     +     |   +   |   +   |
context show                 |   +   |   +    |     +     |   +   |   +   |
context copy                 |   +   |   +    |     +     |   +   |   +   |
context project              |   +   |   +    |     +     |   +   |   +   |
context set                  |   +   |   +    |     +     |   +   |   +   |
context replay               |   +   |   +    |     +     |   +   |   +   |
context remove               |   +   |   +    |     +     |   +   |   +   |
tokens                       |   +   |   +    |     +     |   +   |   +   |
ask                          |   +   |   +    |     +     |   +   |   +   |
imagine                      |   +   |   +    |     +     |   +   |   +   |
persona portrait             |   +   |   +    |     +     |   +   |   +   |
story pictures               |   +   |   +    |     +     |   +   |   +   |
chat picture                 |   +   |   +    |     +     |   +   |   +   |
pictures                     |   +   |   +    |     +     |   +   |   +   |
image_model                  |   -   |   -    |     -     |   +   |   +   |
rating                       |   -   |   -    |     -     |   +   |   +   |
adults                       |   +   |   +    |     +     |   +   |   +   |
prompt show                  |   -   |   -    |     -     |   +   |   +   |
prompt set                   |   -   |   -    |     -     |   +   |   +   |
prompt reset                 |   -   |   -    |     -     |   +   |   +   |
prompt test                  |   -   |   -    |     -     |   +   |   +   |
prompt results               |   -   |   -    |     -     |   +   |   +   |
prompt end                   |   -   |   -    |     -     |   +   |   +   |
model                        |   +   |   +    |     +     |   +   |   +   |
model name=                  |   -   |   -    |     -     |   +   |   +   |
sampling show                |   +   |   +    |     +     |   +   |   +   |
sampling set                 |   -   |   -    |     -     |   +   |   +   |
sampling reset               |   -   |   -    |     -     |   +   |   +   |
link                         |   +   |   +    |     +     |   +   |   +   |
unlink                       |   +   |   +    |     +     |   +   |   +   |
data export                  |   +   |   +    |     +     |   +   |   +   |
data delete                  |   +   |   +    |     +     |   +   |   +   |
data settings                |   +   |   +    |     +     |   +   |   +   |
privacy                      |   +   |   +    |     +     |   +   |   +   |
operator ban                 |   -   |   -    |     -     |   -   |   -   |
operator unban               |   -   |   -    |     -     |   -   |   -   |
operator bans                |   -   |   -    |     -     |   -   |   -   |
operator allow               |   -   |   -    |     -     |   -   |   -   |
operator disallow            |   -   |   -    |     -     |   -   |   -   |
operator reports             |   -   |   -    |     -     |   -   |   -   |
operator switch              |   -   |   -    |     -     |   -   |   -   |
operator maintenance         |   -   |   -    |     -     |   -   |   -   |
operator announce            |   -   |   -    |     -     |   -   |   -   |
permissions                  |   +   |   +    |     +     |   +   |   +   |
permissions reset=           |   -   |   -    |     -     |   +   |   +   |
allow                        |   -   |   -    |     -     |   +   |   +   |
deny                         |   -   |   -    |     -     |   +   |   +   |
roles                        |   -   |   -    |     -     |   +   |   +   |
audit                        |   -   |   -    |     -     |   +   |   +   |
report                       |   +   |   +    |     +     |   +   |   +   |
status                       |   +   |   +    |     +     |   +   |   +   |
cancel                       |   +   |   +    |     +     |   +   |   +   |
"""
BUTTONS: Final = """
                             | guest | member | moderator | admin | owner |
keep_field                   |   +   |   +    |     +     |   +   |   +   |
skip_field                   |   +   |   +    |     +     |   +   |   +   |
answer_field                 |   +   |   +    |     +     |   +   |   +   |
start                        |   +   |   +    |     +     |   +   |   +   |
ideas                        |   +   |   +    |     +     |   +   |   +   |
begin                        |   +   |   +    |     +     |   +   |   +   |
surprise                     |   +   |   +    |     +     |   +   |   +   |
own_story                    |   +   |   +    |     +     |   +   |   +   |
meet                         |   +   |   +    |     +     |   +   |   +   |
help                         |   +   |   +    |     +     |   +   |   +   |
help_topic                   |   +   |   +    |     +     |   +   |   +   |
settings                     |   +   |   +    |     +     |   +   |   +   |
setting                      |   +   |   +    |     +     |   +   |   +   |
set                          |   +   |   +    |     +     |   +   |   +   |
type_setting                 |   +   |   +    |     +     |   +   |   +   |
choose                       |   +   |   +    |     +     |   +   |   +   |
back                         |   +   |   +    |     +     |   +   |   +   |
retry                        |   +   |   +    |     +     |   +   |   +   |
own                          |   +   |   +    |     +     |   +   |   +   |
current                      |   +   |   +    |     +     |   +   |   +   |
open                         |   +   |   +    |     +     |   +   |   +   |
delete                       |   +   |   +    |     +     |   +   |   +   |
keep                         |   +   |   +    |     +     |   +   |   +   |
persona                      |   -   |   -    |     +     |   +   |   +   |
portrait                     |   +   |   +    |     +     |   +   |   +   |
p_list                       |   +   |   +    |     +     |   +   |   +   |
p_show                       |   +   |   +    |     +     |   +   |   +   |
p_edit                       |   -   |   +    |     +     |   +   |   +   |
p_field                      |   -   |   +    |     +     |   +   |   +   |
p_undo                       |   -   |   +    |     +     |   +   |   +   |
p_see                        |   -   |   +    |     +     |   +   |   +   |
p_copy                       |   -   |   +    |     +     |   +   |   +   |
p_take                       |   -   |   +    |     +     |   +   |   +   |
p_unshare                    |   -   |   +    |     +     |   +   |   +   |
p_delete                     |   -   |   +    |     +     |   +   |   +   |
p_gone                       |   -   |   +    |     +     |   +   |   +   |
p_back                       |   -   |   +    |     +     |   +   |   +   |
swipe                        |   +   |   +    |     +     |   +   |   +   |
chat_open                    |   -   |   -    |     +     |   +   |   +   |
branch                       |   -   |   -    |     +     |   +   |   +   |
suggest                      |   +   |   +    |     +     |   +   |   +   |
send_line                    |   +   |   +    |     +     |   +   |   +   |
hide                         |   +   |   +    |     +     |   +   |   +   |
unhide                       |   +   |   +    |     +     |   +   |   +   |
regenerate                   |   +   |   +    |     +     |   +   |   +   |
example                      |   -   |   +    |     +     |   +   |   +   |
remember                     |   +   |   +    |     +     |   +   |   +   |
continue                     |   +   |   +    |     +     |   +   |   +   |
edit                         |   +   |   +    |     +     |   +   |   +   |
undo                         |   +   |   +    |     +     |   +   |   +   |
variant                      |   +   |   +    |     +     |   +   |   +   |
vote_page                    |   +   |   +    |     +     |   +   |   +   |
vote_reply                   |   +   |   +    |     +     |   +   |   +   |
more                         |   +   |   +    |     +     |   +   |   +   |
told                         |   +   |   +    |     +     |   +   |   +   |
mem_list                     |   +   |   +    |     +     |   +   |   +   |
mem_item                     |   +   |   +    |     +     |   +   |   +   |
mem_drop                     |   +   |   +    |     +     |   +   |   +   |
mem_pin                      |   +   |   +    |     +     |   +   |   +   |
mem_edit                     |   +   |   +    |     +     |   +   |   +   |
mem_forget                   |   +   |   +    |     +     |   +   |   +   |
mem_keep                     |   +   |   +    |     +     |   +   |   +   |
doc_list                     |   +   |   +    |     +     |   +   |   +   |
lore_list                    |   +   |   +    |     +     |   +   |   +   |
picture                      |   +   |   +    |     +     |   +   |   +   |
moment                       |   +   |   +    |     +     |   +   |   +   |
gallery                      |   +   |   +    |     +     |   +   |   +   |
g_ask                        |   +   |   +    |     +     |   +   |   +   |
g_drop                       |   +   |   +    |     +     |   +   |   +   |
redraw                       |   +   |   +    |     +     |   +   |   +   |
vary                         |   +   |   +    |     +     |   +   |   +   |
upscale                      |   +   |   +    |     +     |   +   |   +   |
change                       |   +   |   +    |     +     |   +   |   +   |
prompt                       |   +   |   +    |     +     |   +   |   +   |
file                         |   +   |   +    |     +     |   +   |   +   |
erase                        |   +   |   +    |     +     |   +   |   +   |
link_confirm                 |   +   |   +    |     +     |   +   |   +   |
link_cancel                  |   +   |   +    |     +     |   +   |   +   |
unlink                       |   +   |   +    |     +     |   +   |   +   |
unlink_keep                  |   +   |   +    |     +     |   +   |   +   |
wipe                         |   +   |   +    |     +     |   +   |   +   |
wipe_place                   |   -   |   -    |     -     |   +   |   +   |
unwipe                       |   +   |   +    |     +     |   +   |   +   |
data_learn                   |   +   |   +    |     +     |   +   |   +   |
data_archive                 |   +   |   +    |     +     |   +   |   +   |
data_days                    |   +   |   +    |     +     |   +   |   +   |
ch_mode                      |   -   |   -    |     -     |   +   |   +   |
ch_reset                     |   -   |   -    |     -     |   +   |   +   |
cancel                       |   +   |   +    |     +     |   +   |   +   |
announce                     |   -   |   -    |     -     |   -   |   -   |
announce_drop                |   -   |   -    |     -     |   -   |   -   |
rep_show                     |   -   |   -    |     -     |   -   |   -   |
rep_picture                  |   -   |   -    |     -     |   -   |   -   |
rep_dismiss                  |   -   |   -    |     -     |   -   |   -   |
rep_act                      |   -   |   -    |     -     |   -   |   -   |
audit_older                  |   -   |   -    |     -     |   +   |   +   |
"""
VALUES: Final = {
    "lore show": {"book": "1"},
    "lore remove": {"book": "1"},
    "feed add": {"url": "https://news.example/"},
    "feed now": {"feed": "1"},
    "feed remove": {"feed": "1"},
    "archive search": {"words": "gate"},
    "archive remove": {"document": "1"},
    "story new": {"premise": "a door"},
    "persona use": {"name": "nobody"},
    "channel set persona=": {"persona": "nobody"},
    "channel set model=": {"model": "none"},
    "persona add": {"name": "nobody"},
    "persona remove": {"name": "nobody"},
    "persona create": {"name": "Mira", "about": "a clockmaker"},
    "persona delete": {"name": "nobody"},
    "memory add": {"text": "a door"},
    "memory edit": {"fact": "#1", "text": "a door"},
    "memory forget": {"what": "#1"},
    "memory search": {"text": "a door"},
    **{f"context {verb}": {"session": "#1"} for verb in ("show", "copy", "set", "replay", "remove")},
    "context project": {"name": "a door"},
    "tokens": {"text": "a door"},
    "imagine": {"prompt": "a door"},
    "image_model": {"name": "nobody"},
    "rating": {"level": "sfw"},
    "prompt show": {"name": "none"},
    "prompt set": {"name": "none", "text": "x"},
    "prompt reset": {"name": "none"},
    "prompt test": {"name": "none", "text": "x"},
    "prompt results": {"name": "none"},
    "prompt end": {"name": "none"},
    "model name=": {"name": "none"},
    "sampling set": {"name": "writer", "max_tokens": "100"},
    "sampling reset": {"name": "writer"},
    "permissions reset=": {"reset": "chat"},
    "allow": {"permission": "chat", "role": "guest"},
    "deny": {"permission": "chat", "role": "guest"},
    "operator ban": {"who": "nobody"},
    "operator unban": {"who": "nobody"},
    "operator disallow": {"who": "nobody"},
    "operator switch": {"command": "story off"},
    "operator maintenance": {"state": "on"},
    "operator announce": {"text": "hello"},
}
"""What a command is given here, by its name, or by its name and a parameter."""
REFUSALS: Final = ("permission.refused_", "operators.only")


def grid(text: str) -> dict[str, dict[Role, bool]]:
    """The table: whether a role gets through, by line and role."""
    head, *lines = text.strip("\n").split("\n")
    columns = [name.strip() for name in head.split("|")[1:-1]]
    table = {line.split("|")[0].strip(): line.split("|")[1:-1] for line in lines}
    assert sorted(columns) == sorted(ROLES)
    return {name: {role: cells[columns.index(role)].strip() == "+" for role in ROLES} for name, cells in table.items()}


async def refused(bot: Bot, payload: Payload, role: Role, name: str = "") -> bool:
    """Whether what somebody does is refused because of who they are."""
    event = event_of(payload, name=name or f"the {role}", group="g", role=role, platform="telegram")
    await bot.router.dispatch(event)
    answers = await outbox.of_event(event.key)
    return any(str(row.payload.get("key", "")).startswith(REFUSALS) for row in answers)


def command_of(line: str) -> Command:
    name = " ".join(word for word in line.split() if not word.endswith("="))
    return Command(name=name, values=VALUES.get(line, {}))


def press_of(spec: ActionSpec) -> Payload:
    """A press with ids that nobody has: whether one may is decided before they are looked up."""
    return press(spec.verb, *("none" if arg.kind == "name" else 10**9 for arg in spec.args))


def test_the_tables_hold_every_command_and_button(bot: Bot):
    parameters = [
        f"{spec.name} {p.name}=" for spec in bot.topics.commands for p in spec.parameters if p.permission is not None
    ]
    missing = {*bot.topics.commands.names, *parameters} ^ set(grid(COMMANDS))
    assert not missing, "say in COMMANDS who may use a new command"
    assert not set(bot.topics.actions.names) - {FILL} ^ set(grid(BUTTONS)), "say in BUTTONS who may press a new button"


@pytest.mark.parametrize("role", ROLES)
async def test_commands(bot: Bot, role: Role):
    met = {line: not await refused(bot, command_of(line), role) for line in grid(COMMANDS)}
    assert met == {line: roles[role] for line, roles in grid(COMMANDS).items()}


@pytest.mark.parametrize("role", ROLES)
async def test_buttons(bot: Bot, role: Role):
    met = {spec.verb: not await refused(bot, press_of(spec), role) for spec in bot.topics.actions if spec.verb != FILL}
    assert met == {line: roles[role] for line, roles in grid(BUTTONS).items()}


@pytest.mark.parametrize("role", ROLES)
async def test_the_forms_of_commands_ask_nobody_who_may_not(bot: Bot, role: Role):
    expected = grid(COMMANDS)
    asked = [spec for spec in bot.topics.commands if spec.missing({})]
    assert asked
    met = {spec.name: not await refused(bot, press(FILL, spec.name), role) for spec in asked}
    assert met == {spec.name: expected[spec.name][role] for spec in asked}


async def test_a_banned_person_gets_nowhere(bot: Bot):
    await rows("DELETE FROM access_rules")
    banned = "the banned"
    await access.put("banned", Target("user", "telegram", banned, None, ""), by=None)
    events: list[Event] = []
    for payload in [
        *(command_of(line) for line in grid(COMMANDS)),
        *(press_of(spec) for spec in bot.topics.actions if spec.verb != FILL),
    ]:
        event = event_of(payload, name=banned, group="g", role="owner", platform="telegram")
        await bot.router.dispatch(event)
        events.append(event)
    told = [row.kind for event in events for row in await outbox.of_event(event.key)]
    assert told == ["banned"], "once, and then nothing"


def test_what_declares_no_permission_cannot_be_made():
    async def nothing(*_: object) -> None:
        """Nothing."""

    for make in (
        lambda: CommandSpec("roll", "Roll", nothing),  # type: ignore[call-arg]
        lambda: ActionSpec("roll", nothing),  # type: ignore[call-arg]
        lambda: MenuSpec("Roll", nothing),  # type: ignore[call-arg]
        lambda: TextRoute("roll", nothing),  # type: ignore[call-arg]
    ):
        with pytest.raises(TypeError, match="permission"):
            make()


def test_every_permission_is_known(bot: Bot):
    found = [spec.permission for spec in (*bot.topics.commands, *bot.topics.routes, *bot.topics.menus)]
    found += [spec.permission for spec in bot.topics.actions if isinstance(spec.permission, str)]
    assert set(found) <= {*PERMISSIONS, EVERYBODY}
