"""Bans, the allow-list, maintenance mode and commands that are off: refused before anything else, told once."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import pytest

from bot import locales
from bot.events import BotMembership, Command, Payload, Reaction
from bot.policy import AccessPolicy
from db import access, people, switches
from db.access import Target, Verdict
from db.connection import rows
from db.models import ConversationRow, DraftRow, InboxEventRow, JobRow, StoryRow
from tests.bot.playing import PREMISE, begun, words
from tests.bot.world import Bot, command, event_of, press, running_bot, say

OPERATORS = frozenset({"console:boss"})
APPEAL = "boss@example.org"


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url, policy=AccessPolicy(OPERATORS, appeal=APPEAL)) as bot:
        yield bot


@pytest.fixture
async def listed_bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url, policy=AccessPolicy(OPERATORS, "listed", APPEAL)) as bot:
        yield bot


async def rule(verdict: Verdict, target: Target, **more: object) -> None:
    await access.put(verdict, target, by=None, **more)  # type: ignore[arg-type]


def user(name: str = "ann", user_id: int | None = None) -> Target:
    return Target("user", "console", name, user_id)


def place(name: str) -> Target:
    return Target("place", "console", name)


def everything(bot: Bot) -> list[Payload]:
    """Every command, every button, plain text."""
    commands = [command(spec.name) for spec in bot.topics.commands]
    buttons = [press(spec.verb, *(1 if a.kind != "name" else "x" for a in spec.args)) for spec in bot.topics.actions]
    return [*commands, *buttons, say("hello"), Reaction(emoji="x", message_id="1", added=True)]


async def statuses(bot: Bot, payloads: list[Payload], **where: str) -> list[str]:
    return [(await bot.router.dispatch(event_of(p, **where))).status for p in payloads]  # type: ignore[arg-type]


async def nothing_happened() -> bool:
    """Whether no story, job or form was made."""
    return not (await StoryRow.all().count() or await JobRow.all().count() or await DraftRow.all().count())


@pytest.mark.parametrize("target", [user(), place("club")])
async def test_a_banned_person_or_place_is_told_once_and_nothing_happens(bot: Bot, target: Target):
    await rule("banned", target, reason="spam", ends_at=datetime.now(UTC) + timedelta(days=7))
    first = await bot.does(command(f"story new: {PREMISE}"), group="club")
    said = await words(bot, first)
    assert "banned" in said
    assert "spam" in said
    assert APPEAL in said
    assert "in 7 days" in said
    assert set(await statuses(bot, everything(bot), group="club")) == {"ignored"}
    assert await nothing_happened()
    await rows("UPDATE access_rules SET told_at = now() - interval '25 hours'")
    bot.router._admission._silent.clear()  # as after half a minute
    assert "banned" in await words(bot, await bot.does(command("help"), group="club"))


async def test_a_ban_ends(bot: Bot):
    await rule("banned", user(), ends_at=datetime.now(UTC) - timedelta(seconds=1))
    assert (await bot.router.dispatch(event_of(command(f"story new: {PREMISE}")))).status == "working"


async def test_silence_costs_nothing_and_ends_with_the_ban(bot: Bot):
    await rule("banned", user("eve"))
    for _ in range(2):
        await bot.does(command("help"), name="eve", group="club")
    (seen,) = await rows("SELECT count(*) AS n FROM inbox")
    assert await statuses(bot, [command("help"), press("redraw", 1)], name="eve", group="club") == ["ignored"] * 2
    assert await rows("SELECT count(*) AS n FROM inbox") == [seen]
    removed = await bot.does(BotMembership(change="removed"), name="eve", group="club")
    assert (await InboxEventRow.get(event_key=removed.key)).error == ""
    await bot.does(command("operator unban: console:eve"), name="boss")
    assert (await bot.router.dispatch(event_of(command("help"), name="eve", group="club"))).status == "answered"


async def test_others_are_not_concerned(bot: Bot):
    await rule("banned", user("eve"))
    await rule("banned", place("den"))
    assert (await bot.router.dispatch(event_of(command("help"), group="club"))).status == "answered"


async def test_a_ban_holds_for_all_identities(bot: Bot):
    await bot.does(command("help"))
    who = await people.resolve(
        "telegram", account=("dm", "77", "Ann"), user=("77", "Ann", ""), conversation=("77", "", "dm")
    )
    await rows("UPDATE identities SET user_id = $1 WHERE platform = 'console'", who.user.id)
    await rule("banned", Target("user", "telegram", "77", who.user.id))
    assert "banned" in await words(bot, await bot.does(command("help"), group="club"))


async def test_a_banned_person_gets_no_form_and_no_suggestions(bot: Bot):
    _, page = await begun(bot)
    assert await bot.router.form_for(event_of(press("own", page.id, 0))) is not None
    assert await bot.router.complete(event_of(command("persona use")), "name", "") != []
    await rule("banned", user())
    assert await bot.router.form_for(event_of(press("own", page.id, 0))) is None
    assert await bot.router.complete(event_of(command("persona use")), "name", "") == []


async def test_who_is_not_on_the_list_is_told_how_to_ask(listed_bot: Bot):
    said = await words(listed_bot, await listed_bot.does(command(f"story new: {PREMISE}"), group="club"))
    assert said == locales.text("operators.unlisted_ask", {"appeal": APPEAL})
    assert set(await statuses(listed_bot, everything(listed_bot), group="club")) == {"ignored"}
    assert await nothing_happened()


@pytest.mark.parametrize("target", [user(), place("club")])
async def test_who_is_on_the_list_may_use_the_bot(listed_bot: Bot, target: Target):
    await rule("allowed", target)
    outcome = await listed_bot.router.dispatch(event_of(command(f"story new: {PREMISE}"), group="club"))
    assert outcome.status == "working"
    there = await ConversationRow.get(chat_id="club")
    assert there.story_id is not None


def always(bot: Bot, payload: Payload) -> bool:
    """Whether something works in maintenance mode, too."""
    spec = bot.topics.commands.get(getattr(payload, "name", ""))
    action = bot.topics.actions.get(getattr(payload, "data", "..").split(".")[1])
    return any(each is not None and each.always for each in (spec, action))


async def test_maintenance_refuses_new_work_with_the_operators_message(bot: Bot):
    await switches.set_switch(switches.MAINTENANCE, by=None, message="Back at nine.")
    for payload in everything(bot):
        if not always(bot, payload) and not isinstance(payload, Reaction):
            assert "Back at nine." in await words(bot, await bot.does(payload)), payload
    assert await nothing_happened()
    assert (await bot.router.dispatch(event_of(command(f"story new: {PREMISE}"), name="boss"))).status == "working"
    await switches.clear(switches.MAINTENANCE)
    assert (await bot.router.dispatch(event_of(command(f"story new: {PREMISE}")))).status == "working"


async def test_a_group_that_is_off_takes_its_buttons_and_texts_with_it(bot: Bot):
    story, page = await begun(bot)
    await switches.set_switch(switches.of_command("story"), by=None)
    off = locales.text("operators.switched_off", {"name": "story"})
    for payload in (command("story list"), press("choose", page.id, 0, 1), press("own", page.id, 0), say("I knock")):
        assert await words(bot, await bot.does(payload)) == off.replace("\ufdd0", "/").replace("\ufdd1", ""), payload
    assert (await StoryRow.get(id=story.id)).revision == 0
    assert await bot.router.form_for(event_of(press("own", page.id, 0))) is None
    assert (await bot.router.dispatch(event_of(command("persona list")))).status == "answered"


async def test_a_command_that_is_off_leaves_its_group(bot: Bot):
    await switches.set_switch(switches.of_command("story new"), by=None)
    assert "switched off" in await words(bot, await bot.does(command(f"story new: {PREMISE}")))
    assert "switched off" in await words(bot, await bot.does(press("fill", "story new")))
    assert "switched off" not in await words(bot, await bot.does(command("story list")))


async def test_a_form_of_a_command_that_goes_off_is_left(bot: Bot):
    await bot.does(command("story new"))
    await switches.set_switch(switches.of_command("story"), by=None)
    assert "switched off" in await words(bot, await bot.does(say(PREMISE)))
    assert await nothing_happened()


async def test_every_command_can_be_switched_off_but_those_that_are_always_on(bot: Bot):
    for spec in bot.topics.commands:
        await switches.set_switch(switches.of_command(spec.name), by=None)
    for payload in everything(bot):
        if isinstance(payload, Command) and not always(bot, payload):
            assert "switched off" in await words(bot, await bot.does(payload)), payload
    for group in bot.topics.commands.groups():
        await switches.set_switch(switches.of_command(group), by=None)
    for payload in everything(bot):
        action = bot.topics.actions.get(getattr(payload, "data", "..").split(".")[1])
        if action is not None and action.command and not action.always and not action.operator:
            assert "switched off" in await words(bot, await bot.does(payload)), payload
