"""Credentials in the URLs of servers: sent, and never shown."""

import asyncio
import base64
import logging
import os
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from db.logs import NOISY_LOGGERS
from tests.doubles.openai.server import KEY, MODEL, Fault, OpenAIServer
from tests.workers.engines.image.asking import ask as ask_for_picture
from tests.workers.engines.text.asking import ask
from workers.engines.errors import EngineError
from workers.engines.image.build import openai_engine
from workers.engines.image.settings import ImageSettings
from workers.engines.openai.address import ServerAddress, parse_address
from workers.engines.retry import RetryPolicy
from workers.engines.text.base import generate
from workers.engines.text.embedding.remote import RemoteEmbedder
from workers.engines.text.embedding.settings import EmbeddingSettings
from workers.engines.text.remote import RemoteEngine
from workers.engines.text.settings import TextSettings

PASSWORD = "p@ss/w#rd%"
QUOTED = "p%40ss%2Fw%23rd%25"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://host:8080/v1", ServerAddress("http://host:8080/v1")),
        ("https://me:secret@host/v1", ServerAddress("https://host/v1", "me", "secret")),
        (f"http://me:{QUOTED}@host/v1", ServerAddress("http://host/v1", "me", PASSWORD)),
        ("http://me:p@ss@host/v1", ServerAddress("http://host/v1", "me", "p@ss")),
        ("http://me:p/ss@host/v1", ServerAddress("http://host/v1", "me", "p/ss")),
        ("http://key@host", ServerAddress("http://host", "key")),
        ("http://[::1]:8080/v1", ServerAddress("http://[::1]:8080/v1")),
        ("http://host/accounts/@me/v1", ServerAddress("http://host/accounts/@me/v1")),
        ("http://host/v1?key=a%2Bb&v=1", ServerAddress("http://host/v1", query=(("key", "a+b"), ("v", "1")))),
        ("http://me:p%3Fss@host?key=a%40b", ServerAddress("http://host", "me", "p?ss", (("key", "a@b"),))),
    ],
)
def test_addresses_are_read(text: str, expected: ServerAddress) -> None:
    assert parse_address(text) == expected
    assert parse_address(expected.with_credentials) == expected


@pytest.mark.parametrize(
    "text",
    [
        "htp://me:hunter2@host/v1", "me:hunter2@host/v1", "http://me:hunter2@", "http://a#hunter2",
        "htp://host/v1?key=hunter2", "host?key=hunter2", "http://?key=hunter2",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (TextSettings, "remote_base_url"),
        (TextSettings, "litellm_base_url"),
        (ImageSettings, "image_base_url"),
        (EmbeddingSettings, "base_url"),
    ],
)
def test_mistakes_and_settings_show_no_credentials(settings: type[BaseSettings], name: str, text: str) -> None:
    if "#" not in text or name == "remote_base_url":
        with pytest.raises(ValidationError) as caught:
            settings.model_validate({name: text})
        assert "hunter2" not in str(caught.value)
    for url in ("http://me:hunter2@host/v1", "http://host/v1?key=hunter2"):
        good = settings.model_validate({name: url})
        assert "hunter2" not in f"{good!r} {good} {good.model_dump()[name]!s:.0}"
        assert "http://host/v1" in repr(good)


async def test_the_credentials_are_sent_and_never_logged(
    server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.basic = f"me:{PASSWORD}"
    url = server.url.replace("://", f"://me:{QUOTED}@")
    engine = RemoteEngine(url, MODEL, retry=RetryPolicy(pause_s=0.01))
    with caplog.at_level(logging.DEBUG):
        assert (await generate(engine, ask())).text == server.text
        server.basic = "me:other"
        with pytest.raises(EngineError) as caught:
            await generate(engine, ask())
    shown = f"{caught.value!r} {await engine.statistics()} {caplog.text}"
    encoded = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
    assert not any(secret in shown for secret in (PASSWORD, QUOTED, encoded))
    await engine.close()


async def test_a_key_in_the_query_is_sent_and_never_shown(
    server: OpenAIServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Gateways of Azure take their version there, some servers the key."""
    for name in NOISY_LOGGERS:
        caplog.set_level(logging.WARNING, logger=name)
    server.query = {"key": "hun/ter+2", "api-version": "2024-10-21"}
    engine = RemoteEngine(
        f"{server.url}?key=hun/ter%2B2&api-version=2024-10-21", MODEL, api_key=KEY, retry=RetryPolicy(attempts=1)
    )
    with caplog.at_level(logging.DEBUG):
        assert (await generate(engine, ask())).text == server.text
        (pooled,) = engine._pool.servers
        assert not await pooled.endpoint.check()
        server.faults.append(Fault(status=400, error={"message": "/v1?key=hun/ter%2B2 hun/ter+2 needs 2024-10-22"}))
        with pytest.raises(EngineError) as caught:
            await generate(engine, ask())
        server.query = {"key": "other"}
        with pytest.raises(EngineError) as refused:
            await generate(engine, ask())
    shown = f"{caught.value!r} {refused.value!r} {await engine.statistics()} {caplog.text} {engine._pool.servers}"
    assert "hun/ter" not in shown
    assert "2024-10-22" in str(caught.value)
    await engine.close()


@pytest.mark.parametrize("credentials", ["http://me:hunter2@127.0.0.1:9/v1", "http://127.0.0.1:9/v1?key=hunter2"])
async def test_pictures_and_vectors_too(credentials: str, caplog: pytest.LogCaptureFixture) -> None:
    for name in NOISY_LOGGERS:
        caplog.set_level(logging.WARNING, logger=name)
    dead = credentials
    images = openai_engine(ImageSettings.model_validate({"image_base_url": dead, "image_remote_model": "flux"}))
    vectors = RemoteEmbedder(dead, "bge", retry=RetryPolicy(attempts=1))
    assert images is not None
    with caplog.at_level(logging.DEBUG):
        with pytest.raises(EngineError) as undrawn:
            async for _ in images.stream(ask_for_picture()):
                pass
        with pytest.raises(EngineError) as unembedded:
            await vectors.embed(["x"])
    assert "hunter2" not in f"{undrawn.value!r} {unembedded.value!r} {caplog.text}"
    await images.close()
    await vectors.close()


CALL = """
import asyncio, logging, sys
from db.logs import LogSettings, set_up_logging
from workers.engines.text.base import ModelMessage, TextRequest, generate
from workers.engines.text.remote.configured import remote_engine
from workers.engines.text.settings import TextSettings

async def main():
    engine = remote_engine(TextSettings())
    await generate(engine, TextRequest("1", (ModelMessage("user", "my private words"),)))
    await engine.close()

set_up_logging(LogSettings())
asyncio.run(main())
"""


async def test_a_workers_log_has_no_line_per_call(server: OpenAIServer, tmp_path: Path) -> None:
    server.basic, server.query = "me:hunter2", {"key": "hunter2"}
    environment = {
        **os.environ,
        "STORYFORK_REMOTE_BASE_URL": server.url.replace("://", "://me:hunter2@") + "?key=hunter2",
        "STORYFORK_REMOTE_MODEL": MODEL,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CALL, env=environment, cwd=tmp_path, stderr=asyncio.subprocess.PIPE
    )
    _, log = await process.communicate()
    assert process.returncode == 0, log.decode()
    assert len(server.requests) == 1
    assert "hunter2" not in log.decode()
    assert "HTTP Request" not in log.decode()
    assert "private" not in log.decode()
