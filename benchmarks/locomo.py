"""Reads the dialogues of LoCoMo, a benchmark of long conversations (snap-research, 2024); they are not shipped."""

import json
import re
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

_TIME: Final = re.compile(r"(\d+):(\d+) (am|pm) on (\d+ \w+, \d+)")
UNANSWERABLE: Final = 5


@dataclass(frozen=True, slots=True)
class Turn:
    """What somebody said, with their name and the caption of a picture, and when."""

    text: str
    said_at: datetime


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A dialogue, and its answerable questions with the places of the turns that answer them."""

    turns: tuple[Turn, ...]
    questions: tuple[tuple[str, tuple[int, ...]], ...]


def read_dialogues(file: Path) -> list[Dialogue]:
    """Return the dialogues of a zip of JSON files, or of one JSON file (one dialogue or a list)."""
    if file.suffix != ".zip":
        loaded = json.loads(file.read_text("utf-8"))
        return [_dialogue(each) for each in (loaded if isinstance(loaded, list) else [loaded])]
    with zipfile.ZipFile(file) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".json"))
        return [_dialogue(json.loads(archive.read(name))) for name in names]


def _dialogue(plain: dict[str, Any]) -> Dialogue:
    sessions: dict[str, Any] = plain.get("conversation", plain)
    turns: list[Turn] = []
    places: dict[str, int] = {}
    keys = [key for key in sessions if re.fullmatch(r"session_\d+", key)]
    for key in sorted(keys, key=lambda key: int(key.removeprefix("session_"))):
        at = _time(sessions[f"{key}_date_time"])
        for turn in sessions[key]:
            places.setdefault(turn["dia_id"], len(turns))
            turns.append(Turn(f"{turn['speaker']}: {turn['text']} {turn.get('blip_caption') or ''}".strip(), at))
            at += timedelta(minutes=1)
    questions: list[tuple[str, tuple[int, ...]]] = []
    for each in plain["qa"]:
        named = [part for gold in each.get("evidence") or [] for part in re.split(r"[;\s]+", gold)]
        gold = tuple(sorted({places[part] for part in named if part in places}))
        if gold and each["category"] != UNANSWERABLE:
            questions.append((each["question"], gold))
    return Dialogue(tuple(turns), tuple(questions))


def _time(text: str) -> datetime:
    found = _TIME.match(text)
    if found is None:
        raise ValueError(f"no time: {text}")
    hour = int(found[1]) % 12 + (12 if found[3] == "pm" else 0)
    return datetime.strptime(f"{found[4]} {hour}:{found[2]}", "%d %B, %Y %H:%M").replace(tzinfo=UTC)
