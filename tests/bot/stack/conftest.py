import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest


@pytest.fixture
def processes_of() -> Callable[[Path], list[psutil.Process]]:
    """Finds the processes whose command line names a directory, or that work in it (this one aside)."""

    def find(home: Path) -> list[psutil.Process]:
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                    words = " ".join([*process.cmdline(), process.cwd()])
                    if str(home) in words:
                        found.append(process)
        return found

    return find
