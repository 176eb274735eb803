"""The longest texts of people that are always told fit a small window: nobody finds out at the first page."""

import pytest

from bot.commands.story import PREMISE_LENGTH
from db.memory import pins
from workers.context.builder import ContextBuilder
from workers.context.counting import BytesBound
from workers.context.elements import MemoryElement
from workers.context.layers import Window
from workers.context.settings import ContextSettings
from workers.functions.write_page import PageInputs, WritePage

SMALL = Window(2048, 2048 // 3, fixed=600)
"""A third is the answer's at most; the prompt of a page has about so many words of its own."""
SENTENCES = ("A keeper finds a door. ", "守灯人在海底发现了一扇门。", "Смотритель нашёл дверь. ")


def written(sentence: str, characters: int) -> str:
    return sentence * (characters // len(sentence))


@pytest.mark.parametrize("sentence", SENTENCES)
@pytest.mark.parametrize(("count", "bytes_per_token"), [(1, 1.0), (pins.MOST // 2, 4.0)])
async def test_the_longest_premise_and_pins_have_room(sentence: str, count: int, bytes_per_token: float):
    premise = written(sentence, PREMISE_LENGTH)
    container = WritePage().context(
        PageInputs(
            title="", premise=premise, genre="", language="", rating="sfw", seed=0, variant=0, page_number=1, path=[],
            pages=[],
        )
    )  # fmt: skip
    pinned = [
        MemoryElement(id=f"pin:{n}", text=written(sentence, pins.TEXT_CHARS), priority="high") for n in range(count)
    ]
    container = container.model_copy(update={"elements": (*container.elements, *pinned)})
    build = await ContextBuilder(ContextSettings()).build(container, SMALL, BytesBound(bytes_per_token))
    assert {"premise", *(each.id for each in pinned)} <= {each.id for each in build.placed}
    assert build.tokens <= SMALL.limit
