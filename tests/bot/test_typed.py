"""Commands written as text."""

from dataclasses import dataclass, field

import pytest

from bot.commands.base import CommandRegistry, CommandSpec, Parameter
from bot.commands.parsing import read_command
from bot.commands.typed import nearest, read_typed, split_values
from db.errors import BadInput
from db.permissions import EVERYBODY
from tests.bot.telegram.conftest import _nothing
from tests.topics import product_topics

SIDES = Parameter("sides", "How many", int, required=True)
ROLL = CommandSpec("roll", "Throw a die", _nothing, (SIDES, Parameter("note", "Why")), permission=EVERYBODY)
PAINT = CommandSpec("paint", "Paint", _nothing, (Parameter("share", "How much", int),), permission=EVERYBODY)
COMMANDS = CommandRegistry([ROLL, *product_topics().commands])


@dataclass(frozen=True)
class Case:
    text: str
    rest: str = ""
    values: dict[str, str] = field(default_factory=dict[str, str])
    name: str = "story new"


@pytest.mark.parametrize(
    "case",
    [
        Case("/story new a fox", "a fox"),
        Case("/story_new a fox", "a fox"),
        Case("/story-new a fox", "a fox"),
        Case("/story_new: a fox", "a fox"),
        Case("/Story NEW, a fox", "a fox"),
        Case("//help", name="help"),
        Case("/ help", name="help"),
        Case("  /help", name="help"),
        Case("/story_new genre=horror a door", "a door", {"genre": "horror"}),
        Case("/story_new a door genre=horror", "a door", {"genre": "horror"}),
        Case('/story_new language=de a door genre="slow horror"', "a door", {"language": "de", "genre": "slow horror"}),
        Case("/story_new genre=“slow horror” a door", "a door", {"genre": "slow horror"}),
        Case("/story_new GENRE=«slow horror» a door", "a door", {"genre": "slow horror"}),
        Case('/story_new a  door genre="it\\"s" in June', "a  door in June", {"genre": 'it"s'}),
        Case("/story_new genre=horror", "", {"genre": "horror"}),
        Case("/story_new x=1 and e=mc2", "x=1 and e=mc2"),
        Case("/story_new mid genre=horror sentence", "mid genre=horror sentence"),
        Case("/story_new premise=a fox", "", {"premise": "a fox"}),
        Case("/story_new premise=a fox genre=dark comedy", "", {"premise": "a fox", "genre": "dark comedy"}),
        Case("/story_new genre=dark comedy premise=a fox", "", {"premise": "a fox", "genre": "dark comedy"}),
        Case('/story new premise="a fox"', "", {"premise": "a fox"}),
        Case("/prompt_show name=persona/answer", "", {"name": "persona/answer"}, "prompt show"),
        Case("/imagine a sign that reads size=large in red", "a sign that reads size=large in red", name="imagine"),
        Case("/roll 20 note=hello", "20", {"note": "hello"}, "roll"),
        Case("/roll sides=20 for luck", "for luck", {"sides": "20"}, "roll"),
        Case("/roll note=“for luck” 20", "20", {"note": "for luck"}, "roll"),
    ],
    ids=lambda case: case.text,
)
def test_read(case: Case) -> None:
    typed = read_typed(case.text, COMMANDS)
    assert typed is not None
    assert typed.spec is not None
    command = typed.command
    assert (command.name, command.rest, command.values) == (case.name, case.rest, case.values)
    read_command(command, COMMANDS)


@pytest.mark.parametrize(
    ("text", "parameter"),
    [
        ("/story new sprache=German a fox", "sprache"),
        ("/story new жанр=horror a fox", "жанр"),
        ("/story new a fox genr=horror", "genr"),
        ("/roll farbe=red 20", "farbe"),
    ],
)
def test_an_unknown_name_is_named_with_those_that_exist(text: str, parameter: str) -> None:
    typed = read_typed(text, COMMANDS)
    assert typed is not None
    with pytest.raises(BadInput) as caught:
        read_command(typed.command, COMMANDS)
    assert caught.value.key == "command.unknown_parameter"
    assert caught.value.values["parameter"] == parameter
    assert "=…" in caught.value.values["names"]


def test_text_that_nothing_takes_is_named() -> None:
    commands = CommandRegistry([PAINT])
    typed = read_typed("/paint share=3 the door", commands)
    assert typed is not None
    with pytest.raises(BadInput, match="the door"):
        read_command(typed.command, commands)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("/story_nwe a fox", "story new"), ("/hlep", "help"), ("/стоп", ""), ("/", ""), ("/path/to/file", ""),
        ("/storynew", "story new"), ("/stroy new a fox", "story new"), ("/hlep me", "help"),
        ("/x", ""), ("//", ""), ("/@x", ""), ("/" + "y" * 5000, ""),
    ],
)  # fmt: skip
def test_an_unknown_command_is_named_with_the_nearest(text: str, near: str) -> None:
    typed = read_typed(text, COMMANDS)
    assert typed is not None
    assert typed.spec is None
    assert nearest(typed.command, COMMANDS) == near
    with pytest.raises(BadInput) as caught:
        read_command(typed.command, COMMANDS)
    assert caught.value.values.get("nearest", "") == near
    assert len(caught.value.values["name"]) < 70


def test_what_does_not_begin_with_a_slash_is_no_command() -> None:
    assert read_typed("help", COMMANDS) is None
    assert read_typed("a /help", COMMANDS) is None


@pytest.mark.parametrize("text", ["", "=", "a=", "=b", 'genre="', "genre=''", "genre=“", "genre=a genre=b x"])
def test_odd_pairs_lose_no_words(text: str) -> None:
    spec = COMMANDS.get("story new")
    assert spec is not None
    values, rest = split_values(spec, text)
    assert len("".join([*values, *values.values(), rest])) >= len(text.replace("=", "").replace("'", "").strip()) - 1


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("/prompt set story/write_page Be brief.", {"name": "story/write_page", "text": "Be brief."}),
        (
            "/prompt set story/write_page persona=Vex Be brief.",
            {"name": "story/write_page", "persona": "Vex", "text": "Be brief."},
        ),
        (
            "/prompt test story/write_page share=30 text=Be brief. Now.",
            {"name": "story/write_page", "share": "30", "text": "Be brief. Now."},
        ),
        ("/prompt set story/write_page x=1 is a line.", {"name": "story/write_page", "text": "x=1 is a line."}),
    ],
)
def test_values_may_stand_between_a_word_and_the_text(text: str, values: dict[str, str]) -> None:
    typed = read_typed(text, COMMANDS)
    assert typed is not None
    assert read_command(typed.command, COMMANDS)[1] == values
