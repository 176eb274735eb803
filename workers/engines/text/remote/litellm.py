"""Hosted providers via LiteLLM: the ``litellm`` engine. The library is an extra, loaded by the first request.

LiteLLM's errors are subclasses of the ``openai`` client's, and its chunks have the same shape, so both are read alike.
"""

import asyncio
import importlib
import logging
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import openai

from workers.engines.errors import ContextFull, EngineUnavailable, RequestRefused
from workers.engines.openai.address import parse_address
from workers.engines.openai.errors import SettingNames, Trouble, judge, message_of
from workers.engines.retry import RetryPolicy
from workers.engines.text.base import ModelMessage, Sampling, TextRequest, Usage
from workers.engines.text.remote.dialect import (
    Format,
    messages_of,
    refuses_roles,
    response_format,
    sampling_parameters,
)
from workers.engines.text.remote.endpoint import CannotCount, Delta, estimate_prompt
from workers.engines.text.remote.engine import PooledEngine, pool_of
from workers.engines.text.remote.openai_endpoint import Timeouts, read_chunk
from workers.engines.text.remote.prices import Tokens
from workers.engines.text.remote_settings import Price

NAMES = SettingNames("STORYFORK_LITELLM_API_KEY", "STORYFORK_LITELLM_MODEL", "STORYFORK_LITELLM_BASE_URL")
PARALLEL = 64
"""Hosted providers have no fixed number of slots; they answer 429 when overloaded."""
_COMMON = frozenset({"max_tokens", "temperature", "top_p", "seed", "stop"})
"""Parameters that LiteLLM translates or leaves out for every provider; it would pass on others unchanged."""
_UNCOMMON = ("top_k", "min_p", "repeat_penalty", "dry", "xtc", "dynamic")
"""Values of `Sampling` that no provider gets."""
_log = logging.getLogger(__name__)


class LiteLLMEngine(PooledEngine):
    """The ``litellm`` engine: a model of any provider that LiteLLM knows, named ``provider/model``."""

    def __init__(
        self,
        model: str,
        *,
        api_key: str = "",
        base_url: str = "",
        models: Mapping[str, str] | None = None,
        prices: Mapping[str, Price] | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        cooldown_s: float = 5.0,
        context: int | None = None,
    ) -> None:
        """Without ``api_key`` LiteLLM reads the provider's own environment variable. ``base_url`` is for proxies.

        Models without an entry in ``prices`` cost what LiteLLM's own table says.
        """
        self._endpoint = LiteLLMEndpoint(model, api_key=api_key, base_url=base_url, timeouts=timeouts)
        pool = pool_of([(self._endpoint, PARALLEL)], cooldown_s)
        super().__init__(
            "litellm", pool, model, models=models, prices=prices, timeouts=timeouts, retry=retry, context=context
        )

    async def cost_of(self, usage: Usage, model: str = "") -> float:
        """Return what that many tokens cost by the settings, else by LiteLLM's own table."""
        name = self.model_for(model)
        tokens = await self._endpoint.priced(Tokens(usage.prompt_tokens, usage.completion_tokens), name)
        return self._prices.cost(tokens, name)


class LiteLLMEndpoint:
    """LiteLLM as one server of a pool."""

    def __init__(self, model: str, *, api_key: str = "", base_url: str = "", timeouts: Timeouts | None = None) -> None:
        timeouts = timeouts or Timeouts()
        self._provider = model.partition("/")[0]
        self._key = api_key
        self._secrets = (api_key, *(parse_address(base_url).secrets if base_url else ()))
        self._base_url = base_url
        self._silence_s = max(timeouts.first_s, timeouts.between_s)
        self._formats: dict[str, Format] = {}
        self._alternating: set[str] = set()
        self._library: Any = None

    @property
    def url(self) -> str:
        """The provider's name, since LiteLLM knows where it is."""
        return f"litellm:{self._provider}"

    async def deltas(self, request: TextRequest, model: str) -> AsyncGenerator[Delta]:
        """Send one request and yield the answer as it arrives. See `workers.engines.text.remote.endpoint.Endpoint`."""
        library = await self._load()
        try:
            chunks = await self._open_learning(library, request, model)
        except openai.APIError as error:
            raise self._judged(library, error, request) from None
        try:
            async for chunk in chunks:
                for delta in read_chunk(chunk):
                    tokens = delta.tokens
                    yield delta if tokens is None else replace(delta, tokens=_with_cost(library, tokens, model))
        except openai.APIError as error:
            raise self._judged(library, error, request) from None
        except ValueError as error:
            broken = EngineUnavailable(f"its stream broke: {type(error).__name__}")
            raise Trouble("down", broken) from None
        finally:
            # Closing the provider's stream below LiteLLM's wrapper, if there is one, is what ends the request.
            await _close(chunks)

    def unsent(self, sampling: Sampling, model: str) -> frozenset[str]:
        """Return which values were not sent. See `workers.engines.text.remote.endpoint.Endpoint`."""
        del model
        return frozenset(name for name in _UNCOMMON if getattr(sampling, name) is not None)

    async def priced(self, tokens: Tokens, model: str) -> Tokens:
        """Return counts with what they cost by LiteLLM's own table, if that knows the model."""
        return _with_cost(await self._load(), tokens, model)

    async def window(self, model: str) -> int | None:
        """Return the context window in LiteLLM's own table. See `workers.engines.text.remote.endpoint.Endpoint`."""
        library = await self._load()
        try:
            size = library.get_model_info(model).get("max_input_tokens")
        except Exception:  # noqa: BLE001 - a model that its table does not know raises a bare Exception
            return None
        return size if isinstance(size, int) and size > 0 else None

    async def count(self, texts: Sequence[str], model: str) -> list[int]:
        """Raise `CannotCount`: its counters are those of other models, or would be downloaded."""
        del texts
        raise CannotCount(f"nobody counts for {model}")

    async def count_prompt(self, messages: Sequence[ModelMessage], model: str, schema: Mapping[str, Any] | None) -> int:
        """Raise `CannotCount`, as `count` does."""
        del messages, schema
        raise CannotCount(f"nobody counts for {model}")

    async def check(self) -> str:
        """Return "": providers have no common health check, so the next request is the check."""
        return ""

    async def close(self) -> None:
        """Close the library's connections, which all engines of this process share."""
        if self._library is not None:
            await self._library.close_litellm_async_clients()
            # Otherwise it would keep using the closed ones.
            self._library.in_memory_llm_clients_cache.flush_cache()

    async def _load(self) -> Any:
        if self._library is None:
            self._library = await asyncio.to_thread(_import)
        return self._library

    async def _open_learning(self, library: Any, request: TextRequest, model: str) -> Any:
        """Send the request; a provider that refuses its roles gets alternating turns, now and later."""
        try:
            return await self._open(library, request, model)
        except openai.APIStatusError as error:
            if model in self._alternating or not refuses_roles(message_of(error)):
                raise
            _log.warning("%s wants alternating turns without a system role; going on with these", model)
            self._alternating.add(model)
        return await self._open(library, request, model)

    async def _open(self, library: Any, request: TextRequest, model: str) -> Any:
        """Send the request; a provider that refuses the schema is asked for any JSON object, then for text."""
        order: list[Format] = ["schema", "object", "text"]
        formats = order[order.index(self._formats.get(model, "schema")) :] if request.schema is not None else ["text"]
        drawing = sampling_parameters(request.sampling)
        for how in cast("list[Format]", formats):
            wanted = response_format(request.schema, how) if request.schema is not None else {}
            try:
                return await library.acompletion(
                    model=model,
                    messages=messages_of(request, alternating=model in self._alternating),
                    stream=True,
                    stream_options={"include_usage": True},
                    api_key=self._key or None,
                    api_base=self._base_url or None,
                    timeout=self._silence_s,
                    num_retries=0,
                    max_retries=0,
                    drop_params=True,
                    **{name: value for name, value in drawing.items() if name in _COMMON},
                    **wanted,
                )
            except openai.APIStatusError as error:
                if model not in self._alternating and refuses_roles(message_of(error)):
                    raise
                judged = self._judged(library, error, request)
                if not isinstance(judged, RequestRefused) or error.status_code not in {400, 422} or not wanted:
                    raise judged from None
                _log.warning("%s refuses response_format %s; going on with less", model, how)
                self._formats[model] = order[order.index(how) + 1]
        raise RequestRefused("the provider refuses every form of the request")

    def _judged(self, library: Any, error: openai.APIError, request: TextRequest) -> Exception:
        prompt, wanted = estimate_prompt(request), request.sampling.max_tokens
        private = [message.content for message in request.messages]
        judged = judge(
            error, prompt_tokens=prompt, max_tokens=wanted, secrets=self._secrets, private=private, names=NAMES
        )
        if isinstance(error, library.ContextWindowExceededError) and not isinstance(judged, ContextFull):
            return ContextFull(prompt, wanted, 0)
        return judged


def _import() -> Any:
    # Without this, LiteLLM downloads its price table on import.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    library = cast("Any", importlib.import_module("litellm"))
    library.telemetry = False
    library.suppress_debug_info = True
    # Much of it is imported only by the first request: a second of work that must not block the event loop.
    asyncio.run(_rehearse(library))
    return library


async def _rehearse(library: Any) -> None:
    """Answer a request without network access."""
    messages = [{"role": "user", "content": "Hello"}]
    async for _ in await library.acompletion(
        model="openai/nobody", messages=messages, api_key="none", mock_response="Hello", stream=True
    ):
        pass


def _with_cost(library: Any, tokens: Tokens, model: str) -> Tokens:
    usage = library.Usage(
        prompt_tokens=tokens.prompt,
        completion_tokens=tokens.completion,
        prompt_tokens_details={"cached_tokens": tokens.cached},
    )
    try:
        response = library.ModelResponse(model=model, usage=usage)
        cost = float(library.completion_cost(completion_response=response, model=model))
    except Exception:  # noqa: BLE001 - a model that its table does not know raises a bare Exception in some versions
        return tokens
    return replace(tokens, cost_usd=cost)


async def _close(chunks: Any) -> None:
    for stream in (chunks, getattr(chunks, "completion_stream", None)):
        close = getattr(stream, "aclose", None) or getattr(stream, "close", None)
        if close is not None:
            await close()
