"""The processor time until the bot can serve, against its chat libraries alone.

Every run is a fresh interpreter; both take turns. Run from the repository's root: ``python -m benchmarks.startup
[--quick]``.

The last line is machine-readable: ``start_ratio``, the median of importing the bot over the median of importing
discord.py, python-telegram-bot and tortoise-orm, and the former in milliseconds, ``start_ms``.
"""

import argparse
import statistics
import subprocess
import sys
from typing import Final

CONTENDERS: Final = {"bot": "bot.app", "libraries": "discord, telegram.ext, tortoise"}


def seconds(modules: str) -> float:
    """Return the processor seconds that importing ``modules`` takes a fresh interpreter."""
    code = f"import time; start = time.process_time(); import {modules}; print(time.process_time() - start)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5 runs each instead of 25")
    runs = 5 if parser.parse_args().quick else 25
    found = {name: list[float]() for name in CONTENDERS}
    for modules in CONTENDERS.values():  # what is compiled and read for the first time counts for nobody
        seconds(modules)
    for _ in range(runs):
        for name, modules in CONTENDERS.items():
            found[name].append(seconds(modules))
    for name, times in found.items():
        print(f"{name:10} median {statistics.median(times) * 1000:6.0f} ms, least {min(times) * 1000:6.0f} ms")
    bot, libraries = (statistics.median(found[name]) for name in CONTENDERS)
    print(f"start_ratio={bot / libraries:.2f} start_ms={bot * 1000:.0f}")


if __name__ == "__main__":
    main()
