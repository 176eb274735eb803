"""Packed data: what was packed is read back, and nothing else is read at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.actions.base import Action, ActionRegistry, ActionSpec, Arg, FormSpec
from bot.actions.packing import MAX_BYTES, BadButton, pack, split
from bot.messages import Field
from db.permissions import EVERYBODY
from db.registry import NameTaken
from tests.topics import product_topics


async def _do(context: object, *, page: int, revision: int, name: str) -> None:
    del context, page, revision, name


SPEC = ActionSpec("roll", _do, (Arg("page"), Arg("revision", "number"), Arg("name", "name")), permission=EVERYBODY)
ACTIONS = ActionRegistry((SPEC,))


@given(
    st.integers(0, 2**63 - 1), st.integers(0, 2**31 - 1), st.from_regex(r"[a-z0-9][a-z0-9_ -]{0,30}", fullmatch=True)
)
def test_what_is_packed_is_read(page: int, revision: int, name: str) -> None:
    action = Action(SPEC, {"page": page, "revision": revision, "name": name})
    try:
        data = action.pack()
    except ValueError:
        return  # longer than a button may be
    assert len(data.encode()) <= MAX_BYTES
    assert ACTIONS.read(data) == action


@pytest.mark.parametrize(
    "data",
    [
        "",
        ".",
        "1",
        "1.",
        "1.roll",
        "1.roll.1.1",
        "1.roll.1.1.a.b",
        "2.roll.1.1.a",
        "1.nope.1.1.a",
        "1.roll.zzzzzzzzzzzzz.1.a",  # beyond bigint
        "1.roll.zzzzzzzzzzzzzz.1.a",
        "1.roll.1.zik0zk.a",  # 2³¹: beyond integer
        "1.roll.².1.a",
        "1.roll.١.1.a",
        "1.roll.-1.1.a",
        "1.roll.+1.1.a",
        "1.roll.1_0.1.a",
        "1.roll. 1.1.a",
        "1.roll.1.1.",
        "1.roll.1.1.A",
        "1.roll.1.1.a\n",
        "1.roll.1.1.\x00",
        "1.roll.1.1." + "a" * 60,
        "1." + "roll.1" * 5000,
    ],
)
def test_anything_else_is_an_old_button(data: str) -> None:
    with pytest.raises(BadButton):
        ACTIONS.read(data)


@given(st.text(max_size=80))
def test_no_text_from_outside_raises_anything_else(data: str) -> None:
    try:
        ACTIONS.read(data)
    except BadButton:
        return
    assert split(data)[0] == "roll"


def test_what_cannot_be_packed_is_refused() -> None:
    for args in ((-1,), ("Not a name",), ("",), ("a" * 41,), (2**63 - 1,) * 5):
        with pytest.raises(ValueError, match=r"not|longer"):
            pack("roll", *args)
    with pytest.raises(ValueError, match="not a verb"):
        pack("Roll")


def test_a_spec_whose_functions_do_not_take_its_arguments_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        ActionSpec("roll", _do, (Arg("page"),), permission=EVERYBODY)
    form = FormSpec("t", (Field("text", "l"),))
    with pytest.raises(ValueError, match="does not fit"):
        ActionSpec("roll", _do, SPEC.args, form=form, permission=EVERYBODY)  # takes no values
    with pytest.raises(NameTaken, match="action 'roll' is taken"):
        ActionRegistry((SPEC, SPEC))


def test_no_button_of_the_product_means_what_stands_at_a_place_in_a_list() -> None:
    """Every argument is an id, a revision, a position on a page, a moment, days, yes or no, or a name.

    Or, to turn the pages of a list, how much of it was shown before (``start``): its entries are pressed by id.
    """
    numbers = {(spec.verb, arg.name) for spec in product_topics().actions for arg in spec.args if arg.kind == "number"}
    assert {name for _, name in numbers} == {
        "revision",
        "position",
        "opened",
        "asked",
        "days",
        "allowed",
        "start",
        "up",
    }
