"""Several image engines in order: who is asked, and what the chain says of them."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import pytest

from tests.workers.engines.image.asking import ask
from workers.engines.errors import EngineUnavailable, RequestRefused
from workers.engines.image.base import ImageEngine, ImageProgress, ImageRequest, Picture
from workers.engines.image.chain import ImageChain


class Scripted(ImageEngine):
    """Draws nothing real, or raises what it is told to."""

    def __init__(self, name: str, error: Exception | None = None, *loras: str) -> None:
        self.name, self.error, self.loras = name, error, frozenset(loras)
        self.cancelled = self.closed = False

    async def stream(self, request: ImageRequest) -> AsyncGenerator[ImageProgress | Picture]:
        try:
            yield ImageProgress("drawing", 1, 2)
            if self.error is not None:
                raise self.error
        except GeneratorExit:
            self.cancelled = True
            raise
        yield Picture(b"", request.width, request.height, request.seed, self.name, "m")

    async def cancel(self, request_id: str) -> bool:
        return False

    async def statistics(self) -> Mapping[str, Any] | None:
        if self.error is not None:
            raise self.error
        return {"model": "m"}

    async def close(self) -> None:
        self.closed = True
        if self.error is not None:
            raise self.error


async def drawn_by(chain: ImageChain, choice: str = "", **how: bool) -> str:
    events = [event async for event in chain.stream(ask(), choice, **how)]
    assert isinstance(events[-1], Picture)
    return events[-1].engine


async def test_the_next_engine_stands_in_for_one_that_cannot_draw() -> None:
    chain = ImageChain([Scripted("one", EngineUnavailable("gone")), Scripted("two"), Scripted("three")])
    assert await drawn_by(chain) == "two"
    assert await drawn_by(chain, "three") == "three"
    with pytest.raises(EngineUnavailable, match="gone"):
        await drawn_by(chain, alone=True)


class Forgetful(Scripted):
    """Ends without a picture."""

    async def stream(self, request: ImageRequest) -> AsyncGenerator[ImageProgress | Picture]:
        yield ImageProgress("drawing", 1, 2)


@pytest.mark.parametrize("broken", [Scripted("one", ZeroDivisionError()), Forgetful("one")])
async def test_the_next_engine_stands_in_for_a_defective_one(broken: Scripted) -> None:
    assert await drawn_by(ImageChain([broken, Scripted("two")])) == "two"
    with pytest.raises(EngineUnavailable, match=r"a defect: ZeroDivisionError|ended without a picture"):
        await drawn_by(ImageChain([broken]))


async def test_what_an_engine_refuses_is_not_asked_of_others() -> None:
    with pytest.raises(RequestRefused):
        await drawn_by(ImageChain([Scripted("one", RequestRefused("no")), Scripted("two")]))


async def test_without_engines() -> None:
    with pytest.raises(EngineUnavailable, match="no image engine is configured"):
        await drawn_by(ImageChain())
    assert ImageChain().first("one") is None
    assert ImageChain().loras == frozenset()
    assert await ImageChain().stats() == []


async def test_leaving_the_stream_cancels_the_picture() -> None:
    engine = Scripted("one")
    async with aclosing(ImageChain([engine]).stream(ask())) as events:
        await anext(events)
    assert engine.cancelled


async def test_what_it_says_of_its_engines() -> None:
    one, two = Scripted("one", EngineUnavailable("gone"), "ink"), Scripted("two", None, "ink", "wash")
    chain = ImageChain([one, two])
    assert [chain.first(choice) for choice in ("", "two", "three")] == [one, two, one]
    assert chain.loras == {"ink", "wash"}
    assert await chain.stats() == [
        {"engine": "one", "loaded": False, "problem": "gone"},
        {"engine": "two", "loaded": True, "model": "m"},
    ]
    with pytest.raises(EngineUnavailable):
        await chain.close()
    await asyncio.sleep(0)
    assert two.closed
