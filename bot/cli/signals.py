"""How our processes take Ctrl-C, from their first line to their last: never a traceback, always an exit code.

Python turns SIGINT into a KeyboardInterrupt wherever it happens to be, and while the interpreter shuts down the signal
ends the process. So SIGINT ends a process that is still loading at once (`bot.__main__`), cancels work that has
something to clean up, and is ignored once the exit code is decided.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Coroutine, Generator
from types import FrameType
from typing import TypeVar

from bot.stack.errors import StackError

Result = TypeVar("Result")
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signalled(SystemExit):
    """A signal ended the work; the code is 128 + its number, as shells say it."""


@contextlib.contextmanager
def child_takes_ctrl_c() -> Generator[None]:
    """While a child has the terminal, Ctrl-C is for the child alone: it says how it ended."""
    # Not SIG_IGN: the child would inherit it.
    previous = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def run_to_end(work: Coroutine[object, object, Result]) -> Result:
    """Run the work of this process, which handles signals itself, and return its result.

    Signals that come after the work are ignored; while threads of the work are waited for, one ends the process.
    """

    async def run() -> Result:
        try:
            return await work
        finally:
            _exit_on_ending_signals(asyncio.get_running_loop())

    try:
        return asyncio.run(run())
    finally:
        for number in ENDING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def run_until_signalled(work: Coroutine[object, object, Result]) -> Result:
    """Run `work`; the first ending signal cancels it, so that it cleans up; a second one ends this process at once.

    When this process is gone, the children end too: the kernel or their launcher sees to that.

    Raises:
        Signalled: a signal ended it.
    """
    received: list[int] = []

    async def run() -> Result:
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(work)

        def on_signal(number: int) -> None:
            received.append(number)
            if len(received) > 1:
                _exit(number)
            task.cancel()

        for number in ENDING_SIGNALS:
            loop.add_signal_handler(number, on_signal, number)
        return await task

    try:
        return run_to_end(run())
    except (asyncio.CancelledError, StackError):
        # Ctrl-C reaches the children in our terminal too: what fails for that reason is no news.
        if not received:
            raise
    raise Signalled(128 + received[0])


def _exit(number: int, frame: FrameType | None = None) -> None:
    del frame
    os._exit(128 + number)


def _exit_on_ending_signals(loop: asyncio.AbstractEventLoop) -> None:
    """Take the signals from the loop, whose closing would leave SIGINT to Python's KeyboardInterrupt."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
    for number in ENDING_SIGNALS:
        loop.remove_signal_handler(number)
        signal.signal(number, _exit)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)
