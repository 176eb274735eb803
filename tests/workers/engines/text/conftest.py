from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.doubles.openai.server import KEY, MODEL, OpenAIServer
from tests.models.tiny_gguf import CONTEXT, tiny_gguf
from workers.engines.text.llama.engine import LlamaEngine
from workers.engines.text.remote import RemoteEngine


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
async def shared_llama(model: Path) -> AsyncIterator[LlamaEngine]:
    """One engine for all tests that do not kill its process."""
    engine = LlamaEngine(model, context=CONTEXT)
    yield engine
    await engine.close()


@pytest.fixture
async def llama(model: Path) -> AsyncIterator[LlamaEngine]:
    """An engine of the test's own."""
    engine = LlamaEngine(model, context=CONTEXT, stall_s=30)
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
    engine = RemoteEngine(server.url, MODEL, api_key=KEY, price_in=1.0, price_out=4.0, pause_s=0.02, timeout_s=5)
    yield engine
    await engine.close()
