"""An override that breaks a limit of the sandbox twice in a row is switched off, and its owner is told."""

import asyncio
import json

import pytest

from db import overrides
from db.connection import row, rows
from db.overrides import OwnPrompt
from tests.db.world import somebody
from tests.doubles.text_engine import ScriptedEngine
from tests.workers.functions.test_engine import GOOD_PAGE, PAGE, Bench, bench
from workers.functions.write_page import PageInputs, WritePage

__all__ = ["bench"]

NAME = "story/write_page"
LONG = "{% for a in premise %}{% for b in premise %}{{ title }}{% endfor %}{% endfor %}"
"""Too long for premises of some length only."""
BIG = PAGE.model_copy(update={"premise": "a keeper finds a door " * 20})


@pytest.fixture
async def account(bench: Bench) -> int:
    assert bench.job.account_id is not None
    user = (await somebody("kim")).user.id
    await overrides.put(bench.job.account_id, NAME, LONG, user_id=user)
    return bench.job.account_id


async def kept(account: int) -> OwnPrompt:
    (own,) = await overrides.of(account, NAME)
    return own


async def write(bench: Bench, inputs: PageInputs) -> str:
    """Write a page and return the origin of its prompt."""
    await rows("DELETE FROM ai_tasks")
    await bench.over(ScriptedEngine([GOOD_PAGE])).run(WritePage(), inputs)
    return (await bench.task())["prompt_version"].split()[-1]


async def notices() -> list[dict[str, str]]:
    found = await rows("SELECT payload FROM outbox WHERE part = 'notice'")
    return [json.loads(each["payload"])["values"] for each in found]


async def test_the_second_time_it_is_switched_off_with_a_notice(bench: Bench, account: int) -> None:
    assert await write(bench, BIG) == "default"
    assert not (await kept(account)).off
    assert await notices() == []
    assert await write(bench, BIG) == "default"
    assert (await kept(account)).off
    (notice,) = await notices()
    assert notice["name"] == NAME
    assert "64 KiB" in notice["problem"]
    # It is no longer rendered at all.
    await write(bench, BIG)
    assert "prompt_override_ignored" not in await bench.steps()
    assert len(await notices()) == 1


async def test_a_change_switches_it_on_again(bench: Bench, account: int) -> None:
    for _ in range(2):
        await write(bench, BIG)
    kim = await row("SELECT updated_by FROM prompt_overrides")
    assert kim is not None
    await overrides.put(account, NAME, "Write about {{ title }}.", user_id=kim["updated_by"])
    assert await write(bench, BIG) == "account"


async def test_only_twice_in_a_row_counts(bench: Bench, account: int) -> None:
    short = PAGE.model_copy(update={"premise": "a door"})
    for inputs in (BIG, short, BIG, short):
        await write(bench, inputs)
    assert not (await kept(account)).off


async def test_of_many_at_once_one_tells_it(bench: Bench, account: int) -> None:
    own = await kept(account)
    await asyncio.gather(
        *(
            overrides.note_limit(account, own, problem="it is long", conversation_id=bench.job.conversation_id)
            for _ in range(8)
        )
    )
    assert len(await notices()) == 1
