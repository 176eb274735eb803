"""Ctrl-C in our processes, from start to exit: never a traceback, always an exit code.

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
    """A signal ended the work; the exit code is 128 + its number, as in shells."""


@contextlib.contextmanager
def child_takes_ctrl_c() -> Generator[None]:
    """While a child has the terminal, leave Ctrl-C to the child, whose exit code is the result."""
    # Not SIG_IGN: the child would inherit it.
    previous = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def run_to_end(work: Coroutine[object, object, Result]) -> Result:
    """Run the work of this process, which handles signals itself, and return its result.

    Signals after the work are ignored, except while its threads are joined: then one ends the process.
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
    """Run `work`; the first SIGINT or SIGTERM cancels it, so that it cleans up; a second one ends this process at once.

    The children end with this process: the kernel or their launcher ensures that.

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
        # Ctrl-C also reaches the children in our terminal: failures it causes need no report.
        if not received:
            raise
    raise Signalled(128 + received[0])


def _exit(number: int, frame: FrameType | None = None) -> None:
    del frame
    os._exit(128 + number)


def _exit_on_ending_signals(loop: asyncio.AbstractEventLoop) -> None:
    """Take the signal handlers over from the loop: closing it would restore KeyboardInterrupt for SIGINT."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
    for number in ENDING_SIGNALS:
        loop.remove_signal_handler(number)
        signal.signal(number, _exit)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)
