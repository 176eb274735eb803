"""`/model`: which language model writes for a group or a person, and who may say so."""

from collections.abc import AsyncGenerator

import pytest

from bot import locales
from bot.events import Event
from db import accounts, heartbeats
from db.models import AccountRow
from tests.bot.world import Bot, command, event_of, running_bot
from tests.workers.living import lives

MODELS = ("usual-8b", "Qwen2.5-7B_Q4", "writer.big")


@pytest.fixture
async def bot(database: str, redis_url: str) -> AsyncGenerator[Bot]:
    async with running_bot(redis_url) as running:
        yield running


@pytest.fixture
async def away(database: str, tmp_path: object) -> AsyncGenerator[Bot]:
    """A bot whose Redis is away."""
    async with running_bot(f"unix://{tmp_path}/nothing.sock") as running:
        yield running


@pytest.fixture
async def workers(database: str) -> None:
    """Two workers that know models, and one that only draws."""
    await lives("den:1", models=MODELS[:2])
    await lives("den:2", queues=["cpu", "gpu"], models=MODELS[1:])
    await lives("den:3", queues=["gpu"], models=["unused"])


async def told(bot: Bot, event: Event) -> str:
    return (await bot.answer(event)).body


async def chosen(name: str) -> str:
    return await accounts.chosen_model((await AccountRow.get(external_id=name)).id)


async def test_workers_models_are_known_once_each(workers: None):
    assert await heartbeats.models() == MODELS


async def test_without_a_choice_the_operators_model_writes(bot: Bot, workers: None):
    event = await bot.does(command("model"))
    assert (await bot.answer(event)).private
    body = await told(bot, event)
    assert body.startswith(locales.text("model.usual", {"model": "usual-8b"}))
    assert "Models: usual-8b, Qwen2.5-7B_Q4, writer.big." in body


@pytest.mark.parametrize("typed", ["writer.big", "WRITER.Big", "  writer.big "])
async def test_a_choice_is_kept_as_the_workers_spell_it(bot: Bot, workers: None, typed: str):
    saved = await bot.does(command("model", name=typed))
    assert await told(bot, saved) == locales.text("model.saved", {"model": "writer.big"})
    assert await chosen("ann") == "writer.big"
    shown = await bot.does(command("model"))
    assert (await told(bot, shown)).startswith(locales.text("model.chosen", {"model": "writer.big"}))


async def test_default_goes_back_to_the_operators(bot: Bot, workers: None):
    await bot.does(command("model: writer.big"))
    assert await chosen("ann") == "writer.big"
    assert await told(bot, await bot.does(command("model: Default"))) == locales.text("model.reset")
    assert await chosen("ann") == ""


async def test_an_unknown_name_changes_nothing_and_lists_the_known_ones(bot: Bot, workers: None):
    await bot.does(command("model: writer.big"))
    answer = await told(bot, await bot.does(command("model: gpt-9")))
    assert answer == "There is no model “gpt-9”. There are: usual-8b, Qwen2.5-7B_Q4, writer.big."
    assert await chosen("ann") == "writer.big"


async def test_a_group_is_decided_for_by_who_manages_it(bot: Bot, workers: None):
    refused = await bot.does(command("model: writer.big"), group="den")
    assert (await told(bot, refused)).startswith("You may not choose models here")
    again = await bot.does(command("model: default"), group="den")
    assert await told(bot, again) == await told(bot, refused)
    shown = await bot.does(command("model"), group="den")
    assert "usual-8b" in await told(bot, shown)
    saved = await bot.does(command("model: writer.big"), group="den", role="admin")
    assert not (await bot.answer(saved)).private
    assert await chosen("den") == "writer.big"
    # What the group chose is not what its people chose for themselves.
    assert locales.text("model.usual", {"model": "usual-8b"}) in await told(bot, await bot.does(command("model")))


async def test_a_model_that_no_worker_has_any_more_is_named(bot: Bot, workers: None):
    await bot.does(command("model: writer.big"))
    await lives("den:2", models=[])
    shown = await told(bot, await bot.does(command("model")))
    assert shown.startswith(locales.text("model.gone", {"model": "writer.big"}))


async def test_where_only_templates_write_there_is_nothing_to_choose(bot: Bot):
    await lives("den:1")
    assert await told(bot, await bot.does(command("model"))) == locales.text("model.templates")
    assert await told(bot, await bot.does(command("model: big"))) == locales.text("model.none")


async def test_without_redis_models_are_known_and_chosen(away: Bot, workers: None):
    event = event_of(command("model: writer.big"))
    outcome = await away.router.dispatch(event)
    assert outcome.status == "answered"
    assert await told(away, event) == locales.text("model.saved", {"model": "writer.big"})
    assert await away.router.complete(event_of(command("model")), "name", "wri") == [("writer.big", "writer.big")]


async def test_without_a_worker_nobody_knows_and_the_way_back_still_works(bot: Bot):
    assert await told(bot, await bot.does(command("model: big"))) == locales.text("model.unreachable")
    account = await AccountRow.get(external_id="ann")
    await accounts.choose_model(account.id, "writer.big")
    shown = await told(bot, await bot.does(command("model")))
    assert shown == "**writer.big** writes here.\n\nThe list of models is not available at the moment."
    assert await told(bot, await bot.does(command("model: default"))) == locales.text("model.reset")
    assert locales.text("model.operators") in await told(bot, await bot.does(command("model")))


async def test_names_are_suggested(bot: Bot, workers: None):
    asked = event_of(command("model"))
    assert await bot.router.complete(asked, "name", "") == [(n, n) for n in ("default", *MODELS)]
    assert await bot.router.complete(asked, "name", "QWEN") == [("Qwen2.5-7B_Q4", "Qwen2.5-7B_Q4")]
    await lives("den:1", models=["x" * 101])
    assert await bot.router.complete(asked, "name", "x") == []


async def test_without_a_worker_only_the_way_back_is_suggested(bot: Bot):
    assert await bot.router.complete(event_of(command("model")), "name", "") == [("default", "default")]
