"""Asking a server again: how often, after which pauses, and when not."""

from collections.abc import Awaitable, Callable

import pytest

from workers.engines.errors import EngineOverloaded, EngineUnavailable, RequestRefused
from workers.engines.openai.errors import Trouble
from workers.engines.retry import ATTEMPTS, RetryPolicy, retrying

QUICK = RetryPolicy(pause_s=0.001)


def down(**how: bool) -> Trouble:
    return Trouble("down", EngineUnavailable("down"), **how)


def failing(*troubles: Exception) -> tuple[Callable[[], Awaitable[str]], list[int]]:
    left, asked = list(troubles), [0]

    async def attempt() -> str:
        asked[0] += 1
        if left:
            raise left.pop(0)
        return "answer"

    return attempt, asked


def test_pauses_grow_up_to_a_bound_and_are_never_shorter_than_asked() -> None:
    policy = RetryPolicy(attempts=9, pause_s=1.0, max_pause_s=10.0)
    for failed, least, most in ((1, 0.5, 1.5), (2, 1.0, 3.0), (3, 2.0, 6.0), (7, 5.0, 15.0)):
        pause = policy.pause(failed)
        assert pause is not None
        assert least <= pause <= most
    asked = policy.pause(1, 9.0)
    assert asked is not None
    assert asked >= 9.0
    assert policy.pause(1, 10.1) is None
    assert policy.pause(9) is None


async def test_what_passes_is_asked_again() -> None:
    attempt, asked = failing(down(), Trouble("full", EngineOverloaded("full"), retry_after=0.0))
    assert await retrying(QUICK, attempt) == "answer"
    assert asked == [3]


@pytest.mark.parametrize(
    ("trouble", "error", "times"),
    [
        (down(), EngineUnavailable, ATTEMPTS),
        (down(severe=True), EngineUnavailable, 1),
        (Trouble("refused", RequestRefused("no")), RequestRefused, 1),
        (Trouble("full", EngineOverloaded("full", 60.0), retry_after=60.0), EngineOverloaded, 1),
    ],
)
async def test_the_end_of_asking(trouble: Trouble, error: type[Exception], times: int) -> None:
    attempt, asked = failing(*[trouble] * ATTEMPTS)
    with pytest.raises(error):
        await retrying(QUICK, attempt)
    assert asked == [times]
