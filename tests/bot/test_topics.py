"""What a package registers never costs people the commands of others."""

from typing import Any

import pytest

from bot.commands.base import CommandSpec, Parameter
from bot.menus import EntrySpec, MenuSpec
from bot.platforms.discord.commands import application_commands
from bot.routes.base import TextRoute
from bot.topics import PRODUCT, Topic, Topics
from bot.views.base import ViewSpec
from db.payloads.notice import Erase
from db.permissions import EVERYBODY
from db.registry import NameTaken

SIDES: dict[str, Any] = {"name": "sides", "help": "How many"}


async def _nothing(*given: Any) -> Any:
    del given


def topics() -> Topics:
    made = Topics()
    for topic in PRODUCT:
        made.add(topic, "storyfork")
    return made


@pytest.mark.parametrize("name", ["", "Roll", "roll the dice", "roll ", "würfel", "x" * 33, "a" * 30 + " " + "b" * 30])
def test_a_command_that_a_platform_would_refuse_cannot_be_made(name: str):
    with pytest.raises(ValueError, match="name"):
        CommandSpec(name, "Roll", _nothing, permission=EVERYBODY)


@pytest.mark.parametrize(
    "given",
    [
        {"name": "Sides"},
        {"help": " "},
        {"kind": float},
        {"kind": int, "choices": (("One", "1"),)},
        {"kind": bool, "completes": _nothing},
    ],
)
def test_so_is_a_parameter(given: dict[str, Any]):
    with pytest.raises(ValueError, match="parameter"):
        Parameter(**(SIDES | given))


def test_parameters_of_a_command_are_few_and_have_different_names():
    sides = Parameter(**SIDES)
    with pytest.raises(ValueError, match="two parameters"):
        CommandSpec("roll", "Roll", _nothing, (sides, sides), permission=EVERYBODY)
    with pytest.raises(ValueError, match="more than 25"):
        CommandSpec("roll", "Roll", _nothing, tuple(Parameter(f"p{n}", "P") for n in range(26)), permission=EVERYBODY)
    with pytest.raises(ValueError, match="no help"):
        CommandSpec("roll", "", _nothing, permission=EVERYBODY)
    with pytest.raises(ValueError, match="menu"):
        MenuSpec("x" * 33, _nothing, permission=EVERYBODY)


@pytest.mark.parametrize("names", [["story"], ["story_new"], ["help more"], ["roll", "roll again"], ["a-b", "a_b"]])
def test_commands_that_cannot_stand_beside_each_other_are_refused_whole(names: list[str]):
    made = topics()
    before = made.commands.names
    with pytest.raises(NameTaken, match="cannot stand beside"):
        made.add(
            Topic("dice", [CommandSpec(name, "Roll", _nothing, permission=EVERYBODY) for name in names]), "dice 1.0"
        )
    assert made.commands.names == before
    assert application_commands(made.commands)


def test_a_topic_is_registered_whole_also_from_an_iterator():
    made = topics()
    made.add(Topic("dice", iter([CommandSpec("roll", "Roll", _nothing, permission=EVERYBODY)])), "dice 1.0")  # type: ignore[arg-type]
    assert made.commands.source("roll") == "dice 1.0"


def test_what_the_courier_does_itself_has_no_view():
    with pytest.raises(ValueError, match="'erase' have no view"):
        ViewSpec(Erase, _nothing)


def test_replies_to_a_kind_have_one_route():
    made = topics()
    with pytest.raises(NameTaken, match="'page' are taken by the route 'story'"):
        made.add(
            Topic("dice", routes=(TextRoute("dice", _nothing, {"page": _nothing}, permission=EVERYBODY),)), "dice 1.0"
        )
    assert "dice" not in made.routes


def test_what_can_be_done_with_a_message_has_a_button_and_a_name_of_its_own():
    made = topics()
    with pytest.raises(ValueError, match="'roll' has the verb of no button"):
        made.add(Topic("dice", entries=(EntrySpec("roll", "dice_again", frozenset({"page"}), _nothing),)), "dice 1.0")
    with pytest.raises(NameTaken, match="'hide' is taken"):
        made.add(Topic("dice", entries=(EntrySpec("hide", "hide", frozenset({"page"}), _nothing),)), "dice 1.0")
    with pytest.raises(ValueError, match="not a name"):
        EntrySpec("Show it", "hide", frozenset({"page"}), _nothing)
