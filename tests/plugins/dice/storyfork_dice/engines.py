"""Engines: one that writes without a model, one that draws squares."""

import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from PIL import Image

from workers.engines.image.base import ImageEngine, ImageProgress, ImageRequest, Picture
from workers.engines.image.settings import ImageSettings
from workers.engines.specs import EngineSpec
from workers.engines.text.base import Completion, ModelMessage, TextRequest, Usage
from workers.engines.text.settings import TextSettings


class Words:
    """Answers every request with the same three words."""

    name = "dice_words"
    is_local = True
    model_names: tuple[str, ...] = ("three-words",)

    async def context_size(self, model: str = "") -> int | None:
        """Return a size that everything fits into."""
        del model
        return 100_000

    async def count_tokens(self, text: str, model: str = "") -> int:
        """Count words."""
        del model
        return len(text.split())

    async def count_many(self, texts: Sequence[str], model: str = "") -> list[int]:
        """Count the words of each text."""
        del model
        return [len(text.split()) for text in texts]

    async def count_messages(
        self, messages: Sequence[ModelMessage], model: str = "", schema: Mapping[str, Any] | None = None
    ) -> int:
        """Count messages, as the usage of an answer does."""
        del model, schema
        return len(messages)

    async def stream(self, request: TextRequest) -> AsyncIterator[str | Completion]:
        """Answer."""
        words = "Written by dice"
        text = json.dumps({"text": words}) if request.schema is not None else words
        yield text
        yield Completion(text, "stop", Usage(len(request.messages), 3), self.name, "three-words")

    async def cancel(self, request_id: str) -> bool:
        """Nothing runs long enough."""
        del request_id
        return False

    async def statistics(self) -> Sequence[Mapping[str, Any]]:
        """Return one model."""
        return [{"model": "three-words", "loaded": True}]

    async def close(self) -> None:
        """Release nothing."""


class Pixels(ImageEngine):
    """Draws a square of one colour."""

    name = "dice_pixels"

    async def stream(self, request: ImageRequest) -> AsyncIterator[ImageProgress | Picture]:
        """Draw."""
        yield ImageProgress("drawing", 1, 1)
        data = io.BytesIO()
        Image.new("RGB", (request.width, request.height), (request.seed % 256, 64, 64)).save(data, "PNG")
        yield Picture(data.getvalue(), request.width, request.height, request.seed, self.name, "square")

    async def cancel(self, request_id: str) -> bool:
        """Nothing runs long enough."""
        del request_id
        return False


def _words(settings: TextSettings) -> Words:
    del settings
    return Words()


def _pixels(settings: ImageSettings) -> Pixels:
    del settings
    return Pixels()


WORDS: Final = EngineSpec("dice_words", _words)
PIXELS: Final = EngineSpec("dice_pixels", _pixels)
