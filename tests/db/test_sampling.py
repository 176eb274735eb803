"""What an account chooses for functions and agents is part of its settings."""

from typing import Any

import pytest

from db import accounts, sampling
from db.agents import SamplingChoice, merged
from db.connection import rows
from db.prompts_in_force import in_force
from db.sampling import read_choices
from tests.db.world import somebody


async def test_choices_add_up_and_are_forgotten_by_name(database: str):
    who = (await somebody("ann")).account.id
    assert await sampling.chosen(who) == {}
    await sampling.choose(who, "writer", SamplingChoice(temperature=0.3))
    await sampling.choose(who, "writer", SamplingChoice(max_tokens=500, model="big"))
    await sampling.choose(who, "suggest_choices", SamplingChoice(top_p=1))
    assert await sampling.chosen(who) == {
        "writer": SamplingChoice(0.3, 500, None, "big"), "suggest_choices": SamplingChoice(top_p=1.0),
    }  # fmt: skip
    assert await sampling.reset(who, "writer") is True
    assert await sampling.reset(who, "writer") is False
    assert await sampling.chosen(who) == {"suggest_choices": SamplingChoice(top_p=1.0)}


async def test_other_settings_and_other_accounts_stay(database: str):
    ann, ben = (await somebody("ann")).account.id, (await somebody("ben")).account.id
    await accounts.choose_model(ann, "usual")
    await sampling.choose(ann, "writer", SamplingChoice(temperature=0.0))
    assert await sampling.chosen(ben) == {}
    await sampling.reset(ann, "writer")
    assert await accounts.chosen_model(ann) == "usual"


async def test_a_call_reads_them_with_the_prompt(database: str):
    ann = (await somebody("ann")).account.id
    await sampling.choose(ann, "editor", SamplingChoice(temperature=0.1))
    found = await in_force(ann, "story/write_page")
    assert found.sampling == {"editor": SamplingChoice(temperature=0.1)}


@pytest.mark.parametrize(
    ("name", "choice"),
    [
        ("nobody", SamplingChoice(temperature=0.5)),
        ("writer", SamplingChoice(temperature=2.5)),
        ("writer", SamplingChoice(temperature=float("nan"))),
        ("writer", SamplingChoice(max_tokens=0)),
        ("writer", SamplingChoice(max_tokens=10**6)),
        ("writer", SamplingChoice(top_p=0.0)),
        ("writer", SamplingChoice(model="x" * 121)),
    ],
)
async def test_what_cannot_be_is_refused(database: str, name: str, choice: SamplingChoice):
    ann = (await somebody("ann")).account.id
    with pytest.raises(ValueError, match=r"no function|out of its bounds"):
        await sampling.choose(ann, name, choice)


@pytest.mark.parametrize(
    "stored",
    ["null", "[]", "7", '"x"', '{"writer": 7}', '{"writer": {"temperature": "hot", "max_tokens": true, "top_p": -1}}'],
)
async def test_what_another_release_wrote_is_left_out(database: str, stored: str):
    ann = (await somebody("ann")).account.id
    await rows("UPDATE accounts SET settings = jsonb_build_object('sampling', $2::jsonb) WHERE id = $1", ann, stored)
    assert await sampling.chosen(ann) == {}


@pytest.mark.parametrize("value", [None, "", {"a": {"model": ""}}])
def test_nothing_is_read_as_nothing(value: Any):
    assert read_choices(value or None) == {}


def test_the_first_choice_of_each_value_holds():
    assert merged([SamplingChoice(0.0), SamplingChoice(0.5, 100), SamplingChoice(model="m")]) == SamplingChoice(
        0.0, 100, None, "m"
    )
    assert merged([]).is_empty
