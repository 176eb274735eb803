"""The watchdog sees what blocks the event loop in coroutines of ours, and only that."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from blockbuster import BlockingError

from tests.watchdog import HOMES

PLAIN = "import time\ndef nap(): time.sleep(0)\nasync def ours(): nap()\n"


def module_of_ours() -> dict[str, Any]:
    """What a module would hold that stood in one of our rooms."""
    held: dict[str, Any] = {}
    exec(compile(PLAIN, f"{HOMES[0]}made_for_a_test.py", "exec"), held)
    return held


async def test_a_coroutine_of_ours_may_not_block() -> None:
    ours: Callable[[], Awaitable[None]] = module_of_ours()["ours"]
    with pytest.raises(BlockingError, match=r"time\.sleep"):
        await ours()


async def test_the_test_itself_may() -> None:
    time.sleep(0)
    module_of_ours()["nap"]()
