"""Pictures of a server: nobody gets one that the operator's classifier has not judged."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from workers.engines.errors import EngineUnavailable
from workers.engines.image.base import ImageEngine, ImageProgress, ImageRequest, Picture, draw
from workers.engines.image.checked import CheckedEngine
from workers.engines.image.classifier.client import PictureClassifier

REQUEST = ImageRequest("1", (), 7)


class Elsewhere(ImageEngine):
    """An engine without a classifier."""

    name = "elsewhere"
    max_pixels = 64 * 64
    closed = False

    def __init__(self, data: bytes = b"png") -> None:
        self.data = data

    async def stream(self, request: ImageRequest) -> AsyncGenerator[ImageProgress | Picture]:
        yield ImageProgress("drawing")
        yield Picture(self.data, 64, 64, request.seed, self.name, "m")

    async def cancel(self, request_id: str) -> bool:
        return request_id == "1"

    async def close(self) -> None:
        self.closed = True


class Scores:
    """Says what it is told to, or that it cannot."""

    def __init__(self, *scores: tuple[float, float]) -> None:
        self.left, self.seen, self.closed = list(scores), list[bytes](), False

    async def scores(self, png: bytes) -> tuple[float, float]:
        self.seen.append(png)
        if not self.left:
            raise EngineUnavailable("the classifier is gone")
        return self.left.pop()

    async def close(self) -> None:
        self.closed = True


async def test_what_comes_from_elsewhere_is_judged() -> None:
    drawer, classifier = Elsewhere(), Scores((0.7, 0.1))
    engine = CheckedEngine(drawer, classifier)
    assert (engine.name, engine.max_pixels, engine.has_classifier) == ("elsewhere", 64 * 64, True)
    found = await draw(engine, REQUEST)
    assert (found.unsafe, found.young, found.engine, classifier.seen) == (0.7, 0.1, "elsewhere", [b"png"])
    with pytest.raises(EngineUnavailable, match="the classifier is gone"):
        await draw(engine, REQUEST)
    assert await engine.cancel("1")
    await engine.close()
    assert drawer.closed
    assert classifier.closed


async def test_by_a_classifier_in_a_process_of_its_own(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    import io

    from PIL import Image

    from tests.models.tiny_picture_classifier import a_classifier

    out = io.BytesIO()
    Image.new("RGB", (48, 32), "red").save(out, "PNG")
    engine = CheckedEngine(Elsewhere(out.getvalue()), PictureClassifier(a_classifier(tmp_path / "safety"), "cpu"))
    try:
        found = await draw(engine, REQUEST)
        assert found.unsafe == pytest.approx(0.6, abs=1e-5)
        assert found.young == 0
        with pytest.raises(EngineUnavailable, match="the model failed"):
            await draw(CheckedEngine(Elsewhere(b"no picture"), engine._classifier), REQUEST)
    finally:
        await engine.close()


async def test_a_classifier_that_cannot_be_loaded_lets_nothing_through(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    engine = CheckedEngine(Elsewhere(), PictureClassifier(tmp_path, "cpu"))
    with pytest.raises(EngineUnavailable, match="cannot be loaded"):
        await draw(engine, REQUEST)
    await engine.close()
