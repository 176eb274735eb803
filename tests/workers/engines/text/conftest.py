import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doubles.openai.server import KEY, MODEL, OpenAIServer
from tests.models.tiny_gguf import CONTEXT, tiny_gguf
from workers.engines.retry import RetryPolicy
from workers.engines.text.llama.engine import LlamaEngine
from workers.engines.text.remote import RemoteEngine, Timeouts
from workers.engines.text.remote_settings import Price

PRICES = {MODEL: Price(input=1.0, cached=0.1, output=4.0)}


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
async def shared_llama(model: Path) -> AsyncIterator[LlamaEngine]:
    """One engine for all tests that do not kill its process."""
    engine = LlamaEngine(model, context=CONTEXT, threads=1)
    yield engine
    await engine.close()


@pytest.fixture
async def llama(model: Path) -> AsyncIterator[LlamaEngine]:
    """An engine of the test's own."""
    engine = LlamaEngine(model, context=CONTEXT, threads=1, stall_s=30)
    yield engine
    await engine.close()


@pytest.fixture(scope="session")
async def llama_server(model: Path) -> AsyncIterator[str]:
    """The URL of llama.cpp's own server with the tiny model."""
    script = Path(__file__).parent / "remote" / "llama_server.py"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        str(model),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    url = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
    assert url, "llama.cpp's server did not start"
    yield url
    process.stdin.close()
    await asyncio.wait_for(process.wait(), 10)


@pytest.fixture
async def remote_llama(llama_server: str) -> AsyncIterator[RemoteEngine]:
    """The remote engine on a real server."""
    engine = RemoteEngine(llama_server, "tiny")
    yield engine
    await engine.close()


@pytest.fixture
async def server() -> AsyncIterator[OpenAIServer]:
    server = OpenAIServer()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def remote(server: OpenAIServer) -> AsyncIterator[RemoteEngine]:
    engine = RemoteEngine(
        server.url,
        MODEL,
        api_key=KEY,
        prices=PRICES,
        retry=RetryPolicy(pause_s=0.02),
        timeouts=Timeouts(first_s=5, between_s=5),
    )
    yield engine
    await engine.close()
