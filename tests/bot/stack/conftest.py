import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from blockbuster import blockbuster_ctx


@pytest.fixture(autouse=True)
def loop_watchdog() -> Iterator[None]:
    """Code of ours that blocks the event loop fails the test."""
    with blockbuster_ctx("bot.stack") as watchdog:
        # CPython reads the error pipe of fork+exec in the calling thread; it is short by construction.
        watchdog.functions["os.read"].can_block_in("subprocess.py", "_execute_child")
        yield


@pytest.fixture
def processes_of() -> Callable[[Path], list[psutil.Process]]:
    """Finds the processes whose command line or environment names a directory (this one aside)."""

    def find(home: Path) -> list[psutil.Process]:
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                    words = " ".join(process.cmdline())
                    if str(home) in words:
                        found.append(process)
        return found

    return find
