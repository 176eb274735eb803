"""The worker's command line: ``python -m workers run``, ``models``, ``plugins`` … The `storyfork` command starts it."""

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command and exit with its status."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # otherwise the parent has it ignored
        signal.signal(signal.SIGINT, _exit)
    # The import takes a moment, during which Ctrl-C must not print a traceback.
    from db.loading import loading

    with loading():
        from workers.commands.main import run

    sys.exit(run(sys.argv[1:]))


def _exit(number: int, frame: FrameType | None) -> None:
    del frame
    os._exit(128 + number)


if __name__ == "__main__":
    main()
