"""How long nobody has said anything in a chat stands before what breaks the silence."""

from datetime import UTC, datetime, timedelta

import pytest

from workers.context.pauses import after_pause, pauses, words

AT = datetime(2025, 11, 9, 16, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pause", "said"),
    [
        (timedelta(minutes=49), ""),
        (timedelta(hours=1), "an hour later"),
        (timedelta(hours=13), "13 hours later"),
        (timedelta(hours=20), "a day later"),
        (timedelta(days=3, hours=2), "three days later"),
        (timedelta(days=14), "two weeks later"),
        (timedelta(days=60), "two months later"),
        (timedelta(days=364), "a year later"),
        (timedelta(days=20 * 365), "20 years later"),
        (timedelta(days=-3), ""),
    ],
)
def test_a_pause_in_words(pause: timedelta, said: str) -> None:
    assert words(pause) == said


def test_only_long_pauses_are_told() -> None:
    times = [AT + timedelta(hours=hours) for hours in (0, 1, 14, 15, 87)]
    assert pauses(times, 12) == ["", "", "13 hours later", "", "three days later"]
    assert pauses(times, 48)[2:] == ["", "", "three days later"]
    assert pauses(times, 0) == [""] * 5
    assert pauses([], 12) == []


def test_it_stands_before_the_words() -> None:
    assert after_pause("three days later", "Hello.") == "(three days later)\n\nHello."
    assert after_pause("", "Hello.") == "Hello."
