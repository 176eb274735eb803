"""The grid on which summaries hang: complete places only, none across a time jump, the same for all who ask."""

from hypothesis import given
from hypothesis import strategies as st

from workers.context.history import MESSAGES, PAGES, Scale, missing, parts, places, segments

COUNTS = st.integers(0, 400)
JUMPS = st.lists(st.integers(-3, 420), max_size=6)
SCALES = st.sampled_from([PAGES, MESSAGES, Scale(1, 2), Scale(3, 3)])


def test_a_place_is_complete_before_it_gets_a_summary() -> None:
    assert [tuple(place) for place in places(17, [], PAGES)] == [
        (0, 3, 1), (4, 7, 1), (8, 11, 1), (12, 15, 1), (0, 15, 2),
    ]  # fmt: skip


def test_a_time_jump_completes_what_lies_before_it() -> None:
    assert [tuple(place) for place in places(11, [6], PAGES)] == [(0, 3, 1), (4, 5, 1), (6, 9, 1), (0, 5, 2)]


@given(COUNTS, JUMPS, SCALES)
def test_no_place_crosses_a_time_jump(count: int, jumps: list[int], scale: Scale) -> None:
    for place in places(count, jumps, scale):
        assert not any(place.first < jump <= place.last for jump in jumps)
        assert 0 <= place.first <= place.last < count


@given(COUNTS, JUMPS, SCALES)
def test_a_place_stands_for_the_places_below_it(count: int, jumps: list[int], scale: Scale) -> None:
    found = set(places(count, jumps, scale))
    for place in found:
        below = parts(place, jumps, count, scale)
        assert set(below) <= found
        covered = [n for part in below for n in range(part.first, part.last + 1)]
        assert covered == (list(range(place.first, place.last + 1)) if place.level > 1 else [])
        assert all(part.level < place.level for part in below)


@given(COUNTS, st.integers(0, 40), JUMPS, SCALES)
def test_what_is_written_stays_as_the_past_grows(count: int, more: int, jumps: list[int], scale: Scale) -> None:
    known = [jump for jump in jumps if jump < count]
    assert set(places(count, known, scale)) <= set(places(count + more, [*known, count], scale))
    assert missing(count, known, scale, places(count, known, scale)) == []


@given(COUNTS, JUMPS)
def test_segments_are_the_whole_past(count: int, jumps: list[int]) -> None:
    found = segments(count, jumps)
    assert [n for segment in found for n in range(segment.start, segment.end)] == list(range(count))
    assert [segment.closed for segment in found] == [True] * (len(found) - 1) + [False] * bool(found)
