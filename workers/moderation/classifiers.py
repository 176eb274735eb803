"""The product's own classifiers: a moderation endpoint, a model in a folder, and a text model as a judge."""

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, Protocol
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, ValidationError

from prompts.registry import PromptRegistry
from prompts.render import render
from workers.engines.errors import EngineError
from workers.engines.text.base import Completion, ModelMessage, Sampling, TextRequest
from workers.engines.text.chain import TextChain
from workers.moderation.base import Assessment, ClassifierFailed
from workers.moderation.scores import assessment

JUDGE: Final = "safety/judge_text"
"""The judge's prompt."""
ANSWER_TOKENS: Final = 64
"""The answer has at most 38 characters, each a token at worst; servers that ignore the schema put it between fences."""


class Scorer(Protocol):
    """Scores texts by label; raises `EngineError`."""

    async def scores(self, text: str) -> Mapping[str, float]:
        """Return a score (0 to 1) by label."""
        ...

    async def close(self) -> None:
        """Release what it holds."""
        ...


class ScoringClassifier:
    """A classifier whose labels and scores say enough."""

    def __init__(self, name: str, scorer: Scorer, server: str = "") -> None:
        """``name`` is that of the settings; ``server`` is where texts go, if they leave this machine."""
        self.name, self.server = name, server
        self._scorer = scorer

    async def assess(self, text: str) -> Assessment:
        """See `workers.moderation.base.TextClassifier`."""
        try:
            return assessment(await self._scorer.scores(text))
        except EngineError as e:
            raise ClassifierFailed(str(e)) from e

    async def close(self) -> None:
        """Release the scorer."""
        await self._scorer.close()


class _Judgement(BaseModel):
    model_config = ConfigDict(extra="ignore")

    rating: Literal["general", "teen", "mature"]
    minors: bool


_RATINGS: Final[dict[str, Any]] = {"general": "sfw", "teen": "suggestive", "mature": "nsfw"}
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"minors": {"type": "boolean"}, "rating": {"enum": ["general", "teen", "mature"]}},
    "required": ["minors", "rating"],
    "additionalProperties": False,
}


class ModelJudge:
    """A text model with a fixed prompt and schema. The passage is data in its prompt; overrides do not apply."""

    name = "judge"

    def __init__(self, text: TextChain, prompts: PromptRegistry, model: str = "") -> None:
        """``model`` is a role or the name of a model; empty: the engine's default."""
        self._text, self._prompts, self._model = text, prompts, model

    async def assess(self, text: str) -> Assessment:
        """See `workers.moderation.base.TextClassifier`."""
        rendered = await render(self._prompts.get(JUDGE), {"passage": text})
        request = TextRequest(
            id=uuid4().hex,
            messages=tuple(ModelMessage(m.role, m.text, m.shared) for m in rendered),
            sampling=Sampling(max_tokens=ANSWER_TOKENS, temperature=0.0, top_p=None, seed=1),
            schema=_SCHEMA,
            model=self._model,
        )
        answer = ""
        try:
            async for piece in self._text.stream(request):
                if isinstance(piece, Completion):
                    answer = piece.text
            found = _Judgement.model_validate(json.loads(answer[answer.find("{") : answer.rfind("}") + 1]))
        except EngineError as e:
            raise ClassifierFailed(str(e) or type(e).__name__) from e
        except (ValidationError, ValueError) as e:
            raise ClassifierFailed("the judge's answer cannot be read") from e
        return Assessment(_RATINGS[found.rating], minors=found.minors)

    async def close(self) -> None:
        """Nothing: the engines belong to the worker."""


class Missing:
    """A classifier that is named in the settings but cannot be used: nothing has its consent."""

    def __init__(self, name: str, reason: str) -> None:
        """``reason`` is for the log."""
        self.name, self._reason = name, reason

    async def assess(self, text: str) -> Assessment:
        """Raise `ClassifierFailed`."""
        del text
        raise ClassifierFailed(self._reason)

    async def close(self) -> None:
        """Nothing."""
