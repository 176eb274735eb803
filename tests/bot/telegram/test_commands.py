from dataclasses import dataclass, field

import pytest

from bot.commands.base import CommandRegistry, CommandSpec, Parameter
from bot.platforms.telegram.commands import bot_commands, read_command
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
        Case("/story_new genre=horror a door", "story new", "a door", {"genre": "horror"}),
        Case("/story_new a door genre=horror", "story new", "a door", {"genre": "horror"}),
        Case('/story_new language=de a door genre="slow horror"', "story new", "a door",
             {"language": "de", "genre": "slow horror"}),
        Case("/story_new genre=“slow horror” a door", "story new", "a door", {"genre": "slow horror"}),
        Case("/story_new genre=horror", "story new", "", {"genre": "horror"}),
        Case("/story_new x=1 and e=mc2", "story new", "x=1 and e=mc2"),
        Case("/story_new premise=door opens", "story new", "premise=door opens"),
        Case("/story_new mid genre=horror sentence", "story new", "mid genre=horror sentence"),
        Case("/story new a door", "story new", "a door"),
        Case("/start deep_link", "help"),
        Case("/HELP", "help"),
        Case("/cancel", "cancel"),
        Case("/no_such thing", "no such", "thing"),
    ],
    ids=lambda case: case.text,
)  # fmt: skip
def test_read(case: Case) -> None:
    typed = read_command(case.text, registry(), "storyfork_bot")
    assert typed is not None
    assert (typed.command.name, typed.command.rest, typed.command.values) == (case.name, case.rest, case.values)


@pytest.mark.parametrize(
    ("text", "rest", "values"),
    [
        ("/roll 20 note=hello", "20", {"note": "hello"}),
        ("/roll sides=20 for luck", "for luck", {"sides": "20"}),
        ("/roll note=“for luck” 20", "20", {"note": "for luck"}),
    ],
)
def test_only_a_text_that_the_rest_goes_to_is_not_read_as_a_pair(text: str, rest: str, values: dict[str, str]) -> None:
    sides = Parameter("sides", "How many", int, required=True)
    commands = CommandRegistry([CommandSpec("roll", "Throw a die", _nothing, (sides, Parameter("note", "Why")))])
    typed = read_command(text, commands, "storyfork_bot")
    assert typed is not None
    assert (typed.command.rest, typed.command.values) == (rest, values)


@pytest.mark.parametrize("text", ["/help@other_bot", "help", "a /help", "/", "//x", "/path/to/file"])
def test_not_ours(text: str) -> None:
    assert read_command(text, registry(), "storyfork_bot") is None


def test_menu_keeps_to_the_limits(caplog: pytest.LogCaptureFixture) -> None:
    commands = CommandRegistry()
    commands.add(CommandSpec(f"{'x' * 16} {'y' * 16}", "too long a name", _nothing))
    for number in range(101):
        commands.add(CommandSpec(f"c{number}", "h" * 300, _nothing))
    menu = bot_commands(commands)
    assert len(menu) == 100
    assert menu[0].command == "c0"
    assert all(len(c.description) == 256 for c in menu)
    assert "c100" in caplog.text
