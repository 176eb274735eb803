"""What `storyfork doctor` says of the classifiers of texts: real ones, asked by a real process of the workers."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from bot.cli.checks import Installation, State
from bot.cli.classifier_checks import check_classifiers, check_of
from bot.settings import BotSettings
from bot.stack import StackPaths
from db.environment import prepare_environment, read_settings
from prompts.registry import default_registry
from tests.models.tiny_gguf import tiny_gguf
from workers.engines.text.chain import TextChain
from workers.moderation.build import ClassifierSetup, build_classifiers
from workers.moderation.examine import examine_all
from workers.moderation.moderator import Moderator
from workers.moderation.settings import ClassifierSettings
from workers.registries import text_classifiers


@pytest.fixture
def around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Installation]:
    monkeypatch.chdir(tmp_path)

    def make(**settings: str) -> Installation:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        prepare_environment()
        return Installation(BotSettings(storyfork_home=tmp_path), StackPaths(tmp_path), "", None)

    return make


@pytest.fixture
async def endpoint() -> AsyncGenerator[str]:
    """A server with OpenAI's ``/moderations`` below ``/v1``, and one with other labels below ``/other``."""

    async def answer(request: web.Request) -> web.Response:
        scores: dict[str, Any] = {"sexual": 0.0} if request.path.startswith("/v1") else {"violence": 0.0}
        result = {"flagged": False, "categories": {}, "category_scores": scores}
        return web.json_response({"id": "m", "model": "local", "results": [result]})

    app = web.Application()
    app.router.add_post("/{root}/moderations", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_without_classifiers_it_says_what_that_means(around: Callable[..., Installation]) -> None:
    (found,) = await check_classifiers(around(), offline=False)
    assert (found.state, found.detail) == (State.OK, "none named: nothing for adults is written")


async def test_offline_nothing_is_asked(around: Callable[..., Installation]) -> None:
    (found,) = await check_classifiers(around(STORYFORK_TEXT_CLASSIFIERS="remote,judge"), offline=True)
    assert (found.state, found.detail) == (State.OK, "remote, judge (not asked)")


@pytest.mark.slow
async def test_each_has_a_line_that_says_how_it_answers_or_what_to_do(
    around: Callable[..., Installation], endpoint: str, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    tiny_gguf(tmp_path / "models")
    installation = around(
        STORYFORK_TEXT_CLASSIFIERS="remote, judge, folder, dice, remote",
        STORYFORK_MODERATION_BASE_URL=f"http://user:hidden@{endpoint.removeprefix('http://')}/v1",
        STORYFORK_TEXT_CLASSIFIER=str(tmp_path / "empty"),
        STORYFORK_MODELS_DIR=str(tmp_path / "models"),
        STORYFORK_LLAMA_THREADS="1",
    )
    remote, judge, folder, dice = await check_classifiers(installation, offline=False)
    assert (remote.name, remote.state) == ("classifier remote", State.OK), remote
    assert remote.detail.startswith("answers in ")
    assert f"texts go to {endpoint}/v1" in remote.detail
    assert "hidden" not in remote.detail
    # A random model answers in the right shape; what it answers is chance.
    assert judge.state in (State.OK, State.WARN)
    assert judge.detail.startswith("answers in ")
    assert (folder.state, "config.json is missing" in folder.detail) == (State.FAIL, True)
    assert "STORYFORK_TEXT_CLASSIFIER" in folder.advice
    assert (dice.state, "there is no classifier “dice”" in dice.detail) == (State.FAIL, True)
    assert "STORYFORK_TEXT_CLASSIFIERS" in dice.advice


@pytest.mark.parametrize(
    ("settings", "said", "advice"),
    [
        ({}, "its settings are missing", "STORYFORK_MODERATION_BASE_URL"),
        ({"STORYFORK_MODERATION_BASE_URL": "http://127.0.0.1:1/v1"}, "no result", "this machine reaches the server"),
        ({"STORYFORK_MODERATION_BASE_URL": "{endpoint}/other"}, "none of its labels", "STORYFORK_MODERATION_BASE_URL"),
    ],
    ids=["missing", "away", "another shape"],
)
async def test_an_endpoint_that_cannot_be_used_is_named_with_what_to_do(
    around: Callable[..., Installation], endpoint: str, settings: dict[str, str], said: str, advice: str
) -> None:
    given = {name: value.format(endpoint=endpoint) for name, value in settings.items()}
    around(STORYFORK_TEXT_CLASSIFIERS="remote", **given)
    setup = ClassifierSetup(await asyncio.to_thread(read_settings, ClassifierSettings), TextChain(), default_registry())
    classifiers = build_classifiers(("remote",), text_classifiers()[0], setup)
    (examined,) = await examine_all(classifiers)
    await Moderator(classifiers).close()
    found = check_of(asdict(examined))
    assert found.state is State.FAIL
    assert said in found.detail
    assert advice in found.advice
