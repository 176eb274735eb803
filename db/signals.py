"""How our processes stop: the first SIGTERM or SIGINT asks for it, the same signal again ends the process at once."""

import asyncio
import os
import signal
from typing import Final

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def stop_on_signals() -> asyncio.Event:
    """Return an event that the first signal sets; a repeated one exits with 128 + its number, without a traceback."""
    stop = asyncio.Event()
    received: set[int] = set()

    def on_signal(number: int) -> None:
        if number in received:
            os._exit(128 + number)
        received.add(number)
        stop.set()

    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, on_signal, number)
    return stop
