"""`/sampling`: how the writers of a place choose their words, and who may say so."""

from collections.abc import AsyncGenerator

import pytest

from bot import locales
from bot.events import Event
from db import sampling
from db.agents import AGENTS, FUNCTIONS, SamplingChoice
from db.models import AccountRow
from tests.bot.world import Bot, command, event_of, running_bot
from tests.workers.living import lives


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url) as running:
        yield running


async def told(bot: Bot, event: Event) -> str:
    return (await bot.answer(event)).body


async def chosen(name: str) -> dict[str, SamplingChoice]:
    return await sampling.chosen((await AccountRow.get(external_id=name)).id)


async def lines(bot: Bot) -> dict[str, tuple[str, ...]]:
    table = (await bot.answer(await bot.does(command("sampling show")))).table
    assert table is not None
    return {row[0]: row[1:] for row in table.rows}


async def test_everybody_sees_how_the_writers_sample(bot: Bot):
    shown = await lines(bot)
    assert len(shown) == len(AGENTS) + len(FUNCTIONS)
    assert shown["writer"] == ("0.8", "2000", "0.95", "as for all", "default")
    assert shown["writer: suggest_choices"] == ("0.7", "300", "0.95", "as for all", "default")


async def test_a_change_is_kept_shown_and_taken_back(bot: Bot):
    await lives("den:1", models=["Big"])
    saved = await bot.does(
        command("sampling set", name="Writer", temperature="0,4", max_tokens="900", top_p="1", model="big")
    )
    assert await told(bot, saved) == locales.text("sampling.saved", {"name": "writer"})
    assert await chosen("ann") == {"writer": SamplingChoice(0.4, 900, 1.0, "Big")}
    shown = await lines(bot)
    assert shown["writer"] == ("0.4", "900", "1", "Big", "you")
    assert shown["writer: write_page"] == ("0.4", "900", "1", "Big", "you")
    assert shown["editor"][-1] == "default"
    again = await bot.does(command("sampling reset", name="writer"))
    assert await told(bot, again) == locales.text("sampling.reset", {"name": "writer"})
    assert await chosen("ann") == {}
    once_more = await bot.does(command("sampling reset", name="writer"))
    assert await told(bot, once_more) == locales.text("sampling.not_changed", {"name": "writer"})


@pytest.mark.parametrize("given", ["hot", "2.01", "-1", "1e3", "٣", "0.1.2", "NaN"])
async def test_a_number_that_is_none_changes_nothing(bot: Bot, given: str):
    refused = await bot.does(command("sampling set", name="writer", temperature=given))
    assert await told(bot, refused) == (f"temperature must be a number between 0 and 2, not “{given}”.")
    assert await chosen("ann") == {}


async def test_an_unknown_name_lists_the_known_ones(bot: Bot):
    answer = await told(bot, await bot.does(command("sampling set", name="poet", temperature="1")))
    assert answer.startswith("There is no agent or function “poet”. There are: writer, editor, character")
    assert await bot.router.complete(event_of(command("sampling set")), "name", "writ") == [
        (name, name) for name in ("writer", "write_page", "write_image_prompt", "rewrite_persona")
    ]


async def test_nothing_to_change_is_said(bot: Bot):
    answer = await told(bot, await bot.does(command("sampling set", name="writer")))
    assert answer == locales.text("sampling.nothing")


async def test_a_model_that_no_worker_has_is_refused(bot: Bot):
    await lives("den:1", models=["Big"])
    answer = await told(bot, await bot.does(command("sampling set", name="writer", model="gpt-9")))
    assert answer == locales.text("model.unknown", {"name": "gpt-9", "models": "Big"})
    assert await chosen("ann") == {}


async def test_a_group_is_decided_for_by_who_manages_it(bot: Bot):
    refused = await bot.does(command("sampling set", name="writer", temperature="1"), group="den")
    assert (await told(bot, refused)).startswith("You may not choose models here")
    saved = await bot.does(command("sampling set", name="writer", temperature="1"), group="den", role="admin")
    assert not (await bot.answer(saved)).private
    assert await chosen("den") == {"writer": SamplingChoice(temperature=1.0)}
