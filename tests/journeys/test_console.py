"""A person plays in the terminal: `storyfork demo` with its own servers, from a script, twice."""

import asyncio
import os
import re
import sys
from pathlib import Path

import psutil

from tests.journeys.processes import ROOT
from workers.cards.reading import read_card

ABOUT = "A lighthouse keeper on the coast, forty years old. She repairs clocks."


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

    card = prepared_home / "pictures" / "Mira.json"
    lines = [
        "/imagine a door",
        "/story continue",
        "/story list",
        "hello",
        "/persona use vex",
        "hello, Vex",
        "/chat reset",
        "/persona create",
        "Mira",
        ABOUT,
        "/persona use Mira",
        "What do you repair?",
        "again",
        "edit",
        "Only clocks.",
        "undo",
        "/persona export Mira form=json",
        f"/persona import {card}",
        "/persona delete Mira",
        "delete",
        "/persona export Mira",
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
    # A persona of one's own: made, talked with, written into a file, read again, the same.
    assert "I repair clocks." in part(output, "What do you repair?")
    assert "previous · next" in part(output, "again")
    assert "Only clocks." in part(output, "Only clocks.")
    assert "You had said: “What do you repair?”" in part(output, "undo")
    assert "“Mira” is here." in part(output, f"/persona import {card}")
    made, read = (read_card(file.read_bytes()).card for file in sorted(card.parent.glob("Mira.*")))
    assert (made.name, made.description, read) == ("Mira", ABOUT, made)
    left = [
        process.pid
        for process in psutil.process_iter(["cmdline", "cwd"])
        if str(prepared_home) in f"{process.info['cmdline']} {process.info['cwd']}"
    ]
    assert left == []
