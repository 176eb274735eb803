"""A person plays in the terminal: `storyfork demo` with its own servers, from a script, twice."""

import asyncio
import os
import re
import sys
from pathlib import Path

import psutil

from tests.journeys.processes import ROOT


async def demo(home: Path, lines: list[str]) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        "demo",
        cwd=ROOT,
        env={**os.environ, "STORYFORK_HOME": str(home), "STORYFORK_MODELS_DIR": str(home / "models")},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate("\n".join(lines).encode()), 90)
    assert process.returncode == 0, err.decode()
    return out.decode()


def part(output: str, line: str) -> str:
    """What was printed in answer to a line."""
    return output.split(f"> {line}\n", 1)[1].split("\n> ", 1)[0]


async def test_a_story_goes_on_where_it_was_left(prepared_home: Path):
    lines = [
        "/story new a keeper finds a door under the sea",
        "1",
        "back",
        "retry",
        "own",
        "I sing to the door",
        "/status",
    ]
    output = await demo(prepared_home, lines)
    assert "\x1b" not in output
    first, second, home = (part(output, line) for line in lines[:3])
    assert "Page 1" in first
    assert "[1] [2] [3]" in first
    assert "Page 2" in second
    assert home.strip() in first
    assert "What do you do?" in part(output, "own")
    assert "Page 2" in part(output, "I sing to the door")
    status = part(output, "/status")
    assert "Up and working." in status
    assert "Writers: templates" in status
    assert "Expected wait: none." in status
    assert "Stories of yours: 1" in status
    # Who uses the console runs the service.
    assert "Workers: 1" in status.replace("*", "")
    assert re.search(r":\d+ \(cpu\): \d+ of 32 jobs", status)

    lines = [
        "/imagine a door",
        "/story continue",
        "/story list",
        "hello",
        "/persona use vex",
        "hello, Vex",
        "/chat reset",
    ]
    output = await demo(prepared_home, lines)
    # Without a model for pictures, stories go on.
    told = part(output, "/imagine a door")
    assert "storyfork" in told
    assert "stories go on without pictures" in told.lower()
    assert "Page 2" in part(output, "/story continue")
    assert re.search(r"1\. .+, page 2", part(output, "/story list"))
    assert "Page 3" in part(output, "hello")
    assert "Vex:" in part(output, "hello, Vex")
    assert "forgotten" in part(output, "/chat reset")
    left = [
        process.pid
        for process in psutil.process_iter(["cmdline", "cwd"])
        if str(prepared_home) in f"{process.info['cmdline']} {process.info['cwd']}"
    ]
    assert left == []
