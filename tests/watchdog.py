"""The watchdog of the event loop: code of ours that blocks it fails the test in which it does."""

import inspect
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from blockbuster import BlockBuster

ROOMS: Final = ["bot", "db", "prompts", "workers"]
TESTS: Final = str(Path(__file__).parent)
HOMES: Final = tuple(f"{Path(__file__).parents[1] / room}/" for room in ROOMS)


class Allowance(NamedTuple):
    """What may block: ``calls``, patterns of blockbuster's names, below one of the ``functions`` of a file, and why."""

    calls: tuple[str, ...]
    file: str
    functions: tuple[str, ...]
    reason: str


ALLOWED: Final = (
    Allowance(
        ("io.TextIOWrapper.write", "io.BufferedWriter.write"),
        "logging/__init__.py",
        ("emit",),
        "log lines are written where they arise, to a file, pipe or terminal",
    ),
    Allowance(
        ("os.read",),
        "subprocess.py",
        ("_execute_child",),
        "the standard library reads the error pipe of fork and exec in the calling thread; it is short by construction",
    ),
    Allowance(
        ("os.stat", "io.BufferedReader.read"),
        "tortoise/timezone.py",
        ("parse_timezone",),
        "tortoise loads the time zone UTC when it first reads a time",
    ),
    Allowance(
        ("os.stat",),
        "asyncpg/connect_utils.py",
        ("_connect",),
        "each new connection looks for certificates and a file of passwords",
    ),
    Allowance(
        ("os.stat",),
        "telegram/_utils/files.py",
        ("is_local_file",),
        "the library looks whether a local Bot API server names a file of this machine",
    ),
    Allowance(
        ("os.*", "io.*"),
        "workers/engines/processes/launch.py",
        ("connect", "end", "used", "last_log_lines"),
        "when a model process starts or ends, a few tiny files in the folder for sockets, which is in memory",
    ),
    Allowance(
        ("os.stat", "os.listdir", "io.TextIOWrapper.read", "io.BufferedReader.read"),
        "db/registry.py",
        ("load_plugins",),
        "read by preload() before anybody is served; tests with packages empty the cache",
    ),
    Allowance(
        ("threading.Lock.acquire",),
        "prompt_toolkit/patch_stdout.py",
        ("close",),
        "the terminal waits for its last lines when it closes",
    ),
)


@contextmanager
def watchdog() -> Generator[None]:
    """Let calls that block the event loop raise `blockbuster.BlockingError`, if coroutines of ours make them."""
    blockbuster = _blockbuster()
    blockbuster.activate()
    try:
        yield
    finally:
        blockbuster.deactivate()


@cache
def _blockbuster() -> BlockBuster:
    made = BlockBuster(ROOMS)
    for function in made.functions.values():
        function.can_block_predicate = _or_the_test_itself(function.can_block_predicate)
    for allowance in ALLOWED:
        for name, function in made.functions.items():
            if any(fnmatchcase(name, call) for call in allowance.calls):
                function.can_block_in(allowance.file, allowance.functions)
    return made


def _or_the_test_itself(may_block: Callable[..., bool]) -> Callable[..., bool]:
    """Extend a rule: a test may block, also in plain functions of ours that it calls itself."""

    def by_the_test(*args: Any, **kwargs: Any) -> bool:
        if may_block(*args, **kwargs):
            return True
        frame = sys._getframe(1)
        while frame is not None:
            if frame.f_code.co_filename.startswith(TESTS):
                return True
            if frame.f_code.co_flags & inspect.CO_COROUTINE and frame.f_code.co_filename.startswith(HOMES):
                return False
            frame = frame.f_back
        return False

    return by_the_test
