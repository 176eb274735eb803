"""docs/peers.md: the commands that it names exist, row by row."""

import re
from pathlib import Path

import pytest

from bot.topics import load_topics

ROWS = [
    row for row in (Path(__file__).parents[2] / "docs" / "peers.md").read_text().splitlines() if row.startswith("| ")
]


def named(row: str) -> list[str]:
    """The commands of a row: `/persona create`, `edit` are two of a group."""
    found: list[str] = []
    for words in re.findall(r"`([^`]+)`", row.rsplit("|", 2)[1]):
        if words.startswith("/"):
            found.append(" ".join(word for word in words[1:].split() if "=" not in word))
        elif found and re.fullmatch(r"[a-z]+", words):
            found.append(f"{found[-1].split()[0]} {words}")
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_the_commands_exist(row: str) -> None:
    names = {spec.name for spec in load_topics().commands}
    # A whole group may be named, and a command with what is typed behind it.
    known = names | {name.split()[0] for name in names}
    assert [name for name in named(row) if name not in known and name.split()[0] not in names] == []


def test_there_are_commands_to_look_for() -> None:
    assert len({name for row in ROWS for name in named(row)}) > 40
