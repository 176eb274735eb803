"""The ``remote`` embedding engine: a server with OpenAI's ``/embeddings`` (llama-server, vLLM, Ollama, TEI…)."""

import base64
import logging
import re
import struct
from collections.abc import Sequence
from typing import Any

import openai
from pydantic import BaseModel, ValidationError

from workers.engines.errors import ContextFull, EngineError, EngineUnavailable
from workers.engines.openai.address import ServerAddress, parse_address
from workers.engines.openai.client import open_client
from workers.engines.openai.errors import SettingNames, Trouble, judge, message_of, refused_parameter
from workers.engines.retry import RetryPolicy, retrying
from workers.engines.text.embedding.base import Passes, Vector, unit
from workers.engines.text.remote.endpoint import estimate_tokens
from workers.engines.text.unicode import well_formed

PASS_TEXTS = 32
"""Texts per request: the default maximum of text-embeddings-inference; OpenAI takes 2048."""
PARALLEL = 4
"""Requests at a time."""
_NAMES = SettingNames(
    key="STORYFORK_EMBEDDING_API_KEY", model="STORYFORK_EMBEDDING_REMOTE_MODEL", url="STORYFORK_EMBEDDING_BASE_URL"
)
# How servers refuse one text that is too long for the model: OpenAI, vLLM; text-embeddings-inference; llama-server.
_TOO_LONG = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"maximum context length is (?P<limit>\d+) tokens.*?requested (?P<asked>\d+) tokens",
        r"must have less than (?P<limit>\d+) tokens.*?given:? (?P<asked>\d+)",
        r"input \(?(?P<asked>\d+) tokens\)? is too large to process.*?batch size: (?P<limit>\d+)",
    )
)
_log = logging.getLogger(__name__)


class _Item(BaseModel):
    index: int
    embedding: str | list[float]


class _Answer(BaseModel):
    data: list[_Item]


class RemoteEmbedder:
    """Embeds with the model of a server. 429, 5xx and lost connections are retried with growing pauses.

    A server that refuses ``encoding_format`` is asked without; numbers are understood in either form.
    """

    name = "remote"

    def __init__(
        self,
        base_url: str | ServerAddress,
        model: str,
        *,
        api_key: str = "",
        dimensions: int | None = None,
        timeout_s: float = 60.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        """``base_url`` is the root of the API, such as ``http://localhost:8080/v1``.

        Vectors of another length than ``dimensions`` (None: than the first one) are refused. ``timeout_s`` limits one
        attempt.
        """
        self.model = model
        address = parse_address(base_url) if isinstance(base_url, str) else base_url
        self._secrets = (api_key, *address.secrets)
        self._dimensions = dimensions
        self._retry = retry or RetryPolicy()
        self._base64 = True
        self._client = open_client(address, api_key, timeout_s=timeout_s)
        self._passes = Passes(self._run, texts=PASS_TEXTS, parallel=PARALLEL)

    @property
    def dimensions(self) -> int | None:
        """The number of dimensions; None until the first vector arrives, unless given."""
        return self._dimensions

    async def embed(self, texts: Sequence[str], *, query: bool = False) -> list[Vector]:
        """Return one unit vector for each text. See `workers.engines.text.embedding.base.EmbeddingEngine`."""
        del query
        # OpenAI refuses empty texts.
        return await self._passes.embed([well_formed(text) or " " for text in texts])

    async def close(self) -> None:
        """Close the connections."""
        await self._passes.close()
        await self._client.close()

    async def _run(self, texts: Sequence[str]) -> list[Vector]:
        return await retrying(self._retry, lambda: self._embed(texts))

    async def _embed(self, texts: Sequence[str]) -> list[Vector]:
        return self._vectors(await self._ask(texts), len(texts))

    async def _ask(self, texts: Sequence[str]) -> object:
        """Send one request and return the raw answer. Raises `Trouble` and `EngineError`."""
        body: dict[str, Any] = {"model": self.model, "input": list(texts)}
        try:
            if self._base64:
                try:
                    return await self._post({**body, "encoding_format": "base64"})
                except openai.APIStatusError as error:
                    if error.status_code not in {400, 422} or refused_parameter(error) != "encoding_format":
                        raise
                    _log.warning("the embedding server refuses encoding_format; going on without it")
                    self._base64 = False
            return await self._post(body)
        except openai.APIError as error:
            raise self._judged(error, texts) from None
        except ValueError:
            raise Trouble("down", EngineUnavailable("the server's answer is no JSON")) from None

    async def _post(self, body: dict[str, Any]) -> object:
        return await self._client.post("/embeddings", body=body, cast_to=object)

    def _judged(self, error: openai.APIError, texts: Sequence[str]) -> EngineError | Trouble:
        longest = max(map(estimate_tokens, texts))
        if isinstance(error, openai.APIStatusError) and error.status_code in {400, 413, 422, 500}:
            for pattern in _TOO_LONG:
                if found := pattern.search(message_of(error)):
                    return ContextFull(int(found["asked"]), 0, int(found["limit"]))
        return judge(error, prompt_tokens=longest, max_tokens=0, secrets=self._secrets, private=texts, names=_NAMES)

    def _vectors(self, answer: object, count: int) -> list[Vector]:
        try:
            vectors = [unit(numbers) for numbers in _rows(answer, count)]
        except ValidationError:
            raise EngineUnavailable("the server's embeddings are not in OpenAI's form") from None
        except ValueError as error:
            raise EngineUnavailable(f"the server's embeddings cannot be used: {error}") from None
        lengths = {len(vector) for vector in vectors}
        expected = self._dimensions or min(lengths)
        if lengths != {expected}:
            raise EngineUnavailable(f"the server's vectors have {max(lengths)} numbers, not {expected}")
        self._dimensions = expected
        return vectors


def _rows(answer: object, count: int) -> list[Sequence[float]]:
    items = sorted(_Answer.model_validate(answer).data, key=lambda item: item.index)
    if [item.index for item in items] != list(range(count)):
        raise ValueError(f"{len(items)} vectors for {count} texts")
    return [_numbers(item.embedding) for item in items]


def _numbers(embedding: str | list[float]) -> Sequence[float]:
    if not isinstance(embedding, str):
        return embedding
    data = base64.b64decode(embedding, validate=True)
    if len(data) % 4:
        raise ValueError(f"{len(data)} bytes are no numbers of 32 bits")
    return struct.unpack(f"<{len(data) // 4}f", data)
