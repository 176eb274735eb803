"""A server's moderation endpoint, OpenAI's ``/moderations``."""

from collections.abc import Mapping
from typing import Any, cast

import openai

from workers.engines.errors import EngineError, EngineUnavailable
from workers.engines.openai.address import ServerAddress
from workers.engines.openai.client import open_client
from workers.engines.openai.errors import SettingNames, judge

_NAMES = SettingNames(
    key="STORYFORK_MODERATION_API_KEY", model="STORYFORK_MODERATION_MODEL", url="STORYFORK_MODERATION_BASE_URL"
)
ATTEMPTS = 2


class ModerationEndpoint:
    """Scores texts by a server; the texts leave this machine."""

    def __init__(self, address: ServerAddress, model: str, *, api_key: str = "", timeout_s: float = 10.0) -> None:
        """``address`` is the root of the API; an empty ``model`` is the server's own. ``timeout_s``: per attempt."""
        self._address, self._model, self._secrets = address, model, (api_key, *address.secrets)
        self._client = open_client(address, api_key, timeout_s=timeout_s)

    async def scores(self, text: str) -> Mapping[str, float]:
        """Return the score of each category; one that the server flags is 1. Raises `EngineError`."""
        error: EngineError = EngineUnavailable("nothing was asked")
        for _ in range(ATTEMPTS):
            try:
                answer = await self._client.moderations.create(
                    input=text, model=cast("Any", self._model or openai.omit)
                )
            except openai.OpenAIError as failure:
                error = _error(failure, self._secrets, text)
                continue
            if not answer.results:
                raise EngineUnavailable("the moderation endpoint gave no result")
            result = answer.results[0]
            # The client's own classes know OpenAI's categories only; servers have others.
            found = {name: float(score) for name, score in _plain(result.category_scores).items()}
            flagged = {name: 1.0 for name, flag in _plain(result.categories).items() if flag is True}
            if not found and not flagged:
                raise EngineUnavailable("the moderation endpoint gave no scores")
            return found | flagged
        raise error

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()


def _plain(value: Any) -> dict[str, Any]:
    data = value.model_dump(by_alias=True) if hasattr(value, "model_dump") else value
    return {str(k): v for k, v in cast("dict[Any, Any]", data or {}).items() if isinstance(v, int | float)}


def _error(failure: Exception, secrets: tuple[str, ...], text: str) -> EngineError:
    judged = judge(failure, prompt_tokens=0, max_tokens=0, secrets=secrets, private=(text,), names=_NAMES)
    return judged if isinstance(judged, EngineError) else judged.error
