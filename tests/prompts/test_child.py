"""Disposable children: limits of CPU, memory and time end them, and so does a caller who does not wait any longer."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from prompts.child import ChildFailed, ChildPool, DisposableChild
from prompts.frames import decode_frame, encode_frame

PROGRAM = Path(__file__).with_name("child_program.py")
LONG_S = 60.0


@pytest.fixture
def pool() -> Iterator[ChildPool[DisposableChild]]:
    """One child that runs the test's program."""
    made = ChildPool(lambda: DisposableChild(PROGRAM), size=1)
    yield made
    made.close()


def running() -> list[psutil.Process]:
    return [process for process in psutil.Process().children() if str(PROGRAM) in process.cmdline()]


async def ask(pool: ChildPool[DisposableChild], do: str, data: bytes = b"") -> tuple[dict[str, object], bytes]:
    return await pool.run(lambda child: child.exchange(encode_frame({"do": do}, data), LONG_S))


async def test_bytes_go_there_and_back(pool: ChildPool[DisposableChild]) -> None:
    data = bytes(range(256)) * 20_000
    assert await ask(pool, "echo", data) == ({"did": "echo"}, data)
    assert await ask(pool, "echo") == ({"did": "echo"}, b"")


@pytest.mark.parametrize("do", ["spin", "fill"])
async def test_a_limit_ends_the_child_and_the_next_request_has_a_new_one(
    pool: ChildPool[DisposableChild], do: str
) -> None:
    with pytest.raises(ChildFailed):
        await ask(pool, do)
    assert running() == []
    assert (await ask(pool, "echo"))[0] == {"did": "echo"}


async def test_a_caller_who_is_cancelled_leaves_no_child_at_work(pool: ChildPool[DisposableChild]) -> None:
    await ask(pool, "echo")
    [before] = running()
    sleeping = asyncio.create_task(ask(pool, "sleep"))
    queued = asyncio.create_task(ask(pool, "sleep"))
    await asyncio.sleep(0.05)
    queued.cancel()
    sleeping.cancel()
    for task in (sleeping, queued):
        with pytest.raises(asyncio.CancelledError):
            await task
    # The one child serves the next caller at once: as a new process.
    assert (await ask(pool, "echo"))[0] == {"did": "echo"}
    assert not before.is_running()


async def test_a_cancelled_start_is_not_taken_for_a_failure(pool: ChildPool[DisposableChild]) -> None:
    starting = asyncio.create_task(ask(pool, "sleep"))
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert (await ask(pool, "echo"))[0] == {"did": "echo"}


def test_a_frame_is_read_only_when_it_is_whole() -> None:
    whole = encode_frame({"a": 1}, b"bytes")
    assert decode_frame(bytearray(whole)) == ({"a": 1}, b"bytes")
    assert all(decode_frame(bytearray(whole[:end])) is None for end in range(len(whole)))
