"""The `storyfork` command; also `python -m bot`."""

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command and exit with its code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else our parent has it ignored
        signal.signal(signal.SIGINT, _exit)
    # Ctrl-C while the modules load must not print a traceback.
    from db.loading import loading

    with loading():
        from bot.cli.app import run

    sys.exit(run(sys.argv[1:]))


def _exit(number: int, frame: FrameType | None) -> None:
    del frame
    os._exit(128 + number)


if __name__ == "__main__":
    main()
