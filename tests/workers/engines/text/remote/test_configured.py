"""From settings to engines."""

import importlib.util
import logging
from typing import Any

import pytest
from pydantic import ValidationError

from tests.doubles.openai.server import KEY, OpenAIServer
from tests.workers.engines.text.asking import ask
from workers.engines.text.base import generate
from workers.engines.text.build import OWN_TEXT_ENGINES, build_text_chain
from workers.engines.text.remote.configured import remote_engine
from workers.engines.text.remote.prices import Prices, Tokens
from workers.engines.text.remote_settings import Price, parse_models, parse_prices, parse_servers
from workers.engines.text.settings import TextSettings


def settings(**values: Any) -> TextSettings:
    return TextSettings.model_validate(values)


async def test_everything_reaches_the_engine(server: OpenAIServer) -> None:
    server.models = ("big", "small")
    chosen = settings(
        remote_base_url=f"{server.url}#parallel=3, http://127.0.0.1:9/v1",
        remote_api_key=KEY,
        remote_model="small",
        remote_models="writer=big, chat=small",
        remote_prices="small=1/2",
    )
    engine = remote_engine(chosen)
    assert engine is not None
    assert [(url, figures["parallel"]) for url, figures in engine.stats().items()] == [
        (server.url, 3),
        ("http://127.0.0.1:9/v1", 8),
    ]
    assert engine.model_for("writer") == "big"
    completion = await generate(engine, ask())
    assert completion.model == "small"
    assert completion.usage.cost_usd == pytest.approx((1000 * 1 + 500 * 2) / 1e6)
    await engine.close()


@pytest.mark.parametrize("missing", [{"remote_model": "small"}, {"remote_base_url": "http://127.0.0.1:9/v1"}])
def test_half_a_configuration_is_none(missing: dict[str, str]) -> None:
    assert remote_engine(settings(**missing)) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"remote_base_url": "localhost:8080"}, "not the URL of a server: 'localhost:8080'"),
        ({"remote_base_url": "http://a/v1#slots=3"}, "expected parallel=NUMBER"),
        ({"remote_base_url": "http://a/v1#parallel=0"}, "expected parallel=NUMBER"),
        ({"remote_prices": "model=free"}, "no price: 'model=free'"),
        ({"remote_prices": "model=1"}, "no price"),
        ({"remote_prices": "model=-1/2"}, "no price"),
        ({"remote_models": "writer"}, "expected role=model"),
    ],
)
def test_mistakes_are_named(values: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**values)


def test_lists_are_read() -> None:
    assert [server.address.url for server in parse_servers("http://a/v1, http://b/v1 ,")] == [
        "http://a/v1",
        "http://b/v1",
    ]
    assert parse_models("writer=org/big, chat=small:7b") == {"writer": "org/big", "chat": "small:7b"}
    assert parse_prices("a=1/0.1/4, org/b:7b=0.5/2") == {"a": Price(1, 0.1, 4), "org/b:7b": Price(0.5, 0.5, 2)}
    assert parse_servers("") == ()


def test_prices() -> None:
    prices = Prices({"named": Price(1, 0.1, 4)})
    tokens = Tokens(1_000_000, 1_000_000, 400_000, cost_usd=7.0)
    assert prices.cost(tokens, "alias", "named") == pytest.approx(0.6 + 0.04 + 4)
    assert prices.cost(tokens, "unknown") == 7.0
    assert prices.cost(Tokens(5, 5), "unknown") == 0.0


@pytest.mark.skipif(importlib.util.find_spec("litellm") is not None, reason="the extra litellm is installed")
async def test_a_missing_extra_is_said(caplog: pytest.LogCaptureFixture) -> None:
    chosen = settings(text_engines="litellm", litellm_model="openai/gpt-x")
    with caplog.at_level(logging.ERROR):
        chain = build_text_chain(chosen, OWN_TEXT_ENGINES)
    assert [engine.name for engine in chain.engines] == []
    assert "pip install 'storyfork[litellm]'" in caplog.text
