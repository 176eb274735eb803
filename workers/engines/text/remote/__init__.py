"""Remote engines: models on OpenAI-compatible servers, one or many, and hosted providers via LiteLLM."""

from workers.engines.text.remote.engine import PooledEngine, RemoteEngine
from workers.engines.text.remote.openai_endpoint import Timeouts

__all__ = ["PooledEngine", "RemoteEngine", "Timeouts"]
