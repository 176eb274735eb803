"""How large and how fast pictures are drawn, and how they are described."""

import pytest

from workers.pictures.order import ALT_LENGTH, describe
from workers.steps.picture.draw import within
from workers.steps.picture.requests import Pace


@pytest.mark.parametrize(
    ("width", "height", "most", "expected"),
    [
        (1024, 1024, 2**20, (1024, 1024)),
        (1216, 832, 2**20, (1216, 832)),
        (1536, 640, 160_000, (616, 256)),
        (1344, 768, 4096, (80, 64)),
    ],
)
def test_sizes_fit_what_the_operator_allows(width: int, height: int, most: int, expected: tuple[int, int]):
    assert within(width, height, most) == expected


def test_the_time_left_is_known_from_the_second_step_on():
    pace = Pace()
    assert pace.left(0, 28) is None
    assert pace.left(1, 28) is None
    left = pace.left(15, 28)
    assert left is not None
    assert 0 <= left < 5


def test_descriptions_are_short_and_end_with_a_word():
    assert describe("a  door\n at night") == "a door at night"
    long = describe("keeper " * 100)
    assert len(long) <= ALT_LENGTH
    assert long.endswith("keeper…")
