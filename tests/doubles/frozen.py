"""A real PostgreSQL that stops: as on a machine that is paused, swaps, or waits for its disk."""

import os
import signal
from collections.abc import Generator
from contextlib import contextmanager

import psutil

from bot.stack.embedded import EmbeddedStack


def postmaster(stack: EmbeddedStack) -> psutil.Process:
    """Return the server's process. Reads from the disk."""
    return psutil.Process(int((stack.paths.postgres_data / "postmaster.pid").read_text().splitlines()[0]))


@contextmanager
def frozen(server: psutil.Process) -> Generator[None]:
    """Stop a server with all its sessions while the block runs."""
    everything = [server, *server.children(recursive=True)]
    for process in everything:
        os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in everything:
            os.kill(process.pid, signal.SIGCONT)
