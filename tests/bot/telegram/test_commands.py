from dataclasses import dataclass, field

import pytest

from bot.commands.base import CommandRegistry, CommandSpec
from bot.platforms.telegram.commands import bot_commands, read_command
from db.permissions import EVERYBODY
from tests.bot.telegram.conftest import _nothing, registry


@dataclass(frozen=True)
class Case:
    text: str
    name: str
    rest: str = ""
    values: dict[str, str] = field(default_factory=dict[str, str])


@pytest.mark.parametrize(
    "case",
    [
        Case("/story_new a keeper finds a door", "story new", "a keeper finds a door"),
        Case("/story_new@Storyfork_Bot a door", "story new", "a door"),
        Case("/story_new\na door\nin the sea", "story new", "a door\nin the sea"),
        Case("/story new a door", "story new", "a door"),
        Case("/start link-4F7K", "start", "link-4F7K"),
        Case("/HELP", "help"),
        Case("/cancel", "cancel"),
        Case("/no_such thing", "no_such", "thing"),
    ],
    ids=lambda case: case.text,
)  # fmt: skip
def test_read(case: Case) -> None:
    typed = read_command(case.text, registry(), "storyfork_bot")
    assert typed is not None
    assert (typed.command.name, typed.command.rest, typed.command.values) == (case.name, case.rest, case.values)


@pytest.mark.parametrize("text", ["/help@other_bot", "help", "a /help"])
def test_not_ours(text: str) -> None:
    assert read_command(text, registry(), "storyfork_bot") is None


def test_menu_keeps_to_the_limits(caplog: pytest.LogCaptureFixture) -> None:
    commands = CommandRegistry()
    commands.add(CommandSpec(f"{'x' * 16} {'y' * 16}", "too long a name", _nothing, permission=EVERYBODY))
    for number in range(101):
        commands.add(CommandSpec(f"g{number // 25} n{number}", "h" * 300, _nothing, permission=EVERYBODY))
    commands.add(CommandSpec("cancel", "h" * 300, _nothing, permission=EVERYBODY))
    menu = bot_commands(commands)
    assert len(menu) == 100
    assert (menu[0].command, menu[-1].command) == ("g0_n0", "cancel"), "what everybody needs stands there"
    assert all(len(c.description) == 256 for c in menu)
    assert "2 commands do not fit into Telegram's menu: g3 n99, g4 n100" in caplog.text
