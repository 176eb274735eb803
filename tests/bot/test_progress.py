"""Progress: shown at the platform's pace, per chat, and never after the answer began."""

import asyncio
import itertools
import re
import time
from collections.abc import Callable

import pytest

from bot.events import Destination
from bot.messages import Progress
from bot.platforms.base import Capabilities
from bot.platforms.discord.render import progress_body
from bot.progress import KEPT_AT_MOST, ProgressBoard
from bot.text.cleaning import clean
from db.progress import ProgressPlace

INTERVAL = 0.1


class Wall:
    """A platform's end: notes what is shown where and when; an edit takes ``seconds``."""

    name = "wall"
    capabilities = Capabilities(forms=False, placeholder_delay=0.0, progress_interval=INTERVAL)

    def __init__(self, seconds: float = 0.0) -> None:
        self.shown: list[tuple[float, str, str, str]] = []
        self.progress: list[Progress] = []
        self.seconds = seconds

    async def show_progress(self, destination: Destination, placeholder: str, progress: Progress) -> None:
        started = time.monotonic()
        await asyncio.sleep(self.seconds)
        self.progress.append(progress)
        self.shown.append((started, destination.chat_id, placeholder, progress.text))


class Rows:
    """What the database says: where the progress of an event may be shown, if it may be."""

    def __init__(self) -> None:
        self.chats: dict[str, str] = {}

    async def place(self, job_id: int, event_key: str) -> ProgressPlace | None:
        await asyncio.sleep(0)
        chat = self.chats.get(event_key)
        destination = {"chat_id": chat, "user_id": "u", "kind": "group"}
        return None if chat is None else ProgressPlace("wall", destination, f"placeholder-{event_key[5:]}", "en")


def board_of(wall: Wall, found: Rows, allowed_s: Callable[[str], float] = lambda _platform: 60.0) -> ProgressBoard:
    return ProgressBoard(
        {"wall": wall},  # type: ignore[dict-item]
        lambda _job, _language: (),
        allowed_s=allowed_s,
        place=found.place,
    )


def expect(found: Rows, event: str, chat: str) -> None:
    found.chats[f"wall:{event}"] = chat


async def speak(board: ProgressBoard, *events: str, until: Callable[[], bool]) -> None:
    """As workers do: more text several times within an interval."""
    async with asyncio.timeout(10):
        for n in itertools.count():
            if until():
                return
            for event in events:
                board.hear(
                    {"event": f"wall:{event}", "job": 1, "phase": "AI_CALL", "percent": 5, "text": f"{event} {n}"}
                )
            await asyncio.sleep(INTERVAL / 10)


def gaps(wall: Wall, chat: str) -> list[float]:
    times = [at for at, where, _, _ in wall.shown if where == chat]
    return [later - sooner for sooner, later in itertools.pairwise(times)]


async def test_all_who_are_answered_in_a_chat_share_its_pace():
    wall = Wall()
    found = Rows()
    board = board_of(wall, found)
    for event, chat in (("a", "here"), ("b", "here"), ("c", "there")):
        expect(found, event, chat)
    await speak(board, "a", "b", "c", until=lambda: len(gaps(wall, "here")) >= 5 and len(gaps(wall, "there")) >= 3)
    assert min(gaps(wall, "here")) >= INTERVAL * 0.9
    assert min(gaps(wall, "there")) >= INTERVAL * 0.9
    here = [placeholder for _, chat, placeholder, _ in wall.shown if chat == "here"]
    assert set(here) == {"placeholder-a", "placeholder-b"}
    assert all(one != other for one, other in itertools.pairwise(here)), "somebody was passed over"


async def test_an_edit_under_way_is_waited_for_and_none_comes_after():
    wall = Wall(seconds=INTERVAL)
    found = Rows()
    board = board_of(wall, found)
    expect(found, "a", "here")
    await speak(board, "a", until=lambda: len(wall.shown) == 1)
    await speak(board, "a", until=lambda: time.monotonic() > wall.shown[0][0] + 1.5 * INTERVAL)
    await board.end("wall:a")
    done = list(wall.shown)
    del found.chats["wall:a"]  # there is an answer
    board.hear({"event": "wall:a", "job": 1, "text": "too late"})
    await asyncio.sleep(3 * INTERVAL)
    assert wall.shown == done


@pytest.mark.parametrize(
    ("heard", "shown"),
    [
        ({"phase": "loading"}, Progress("The picture model is being loaded …")),
        ({"phase": "queued", "ahead": 2}, Progress("Waiting: 2 before you.", position=2)),
        ({"phase": "drawing", "step": 1, "steps": 28, "percent": 3}, Progress("Drawing: step 1 of 28 …", 3)),
        (
            {"phase": "drawing", "step": 7, "steps": 28, "percent": 25, "eta": 12.4},
            Progress("Drawing: step 7 of 28, about 12 s left …", 25),
        ),
        ({"phase": "finishing", "percent": 99}, Progress("Almost there …", 99)),
    ],
)
async def test_a_picture_says_its_step_its_place_and_its_time(heard: dict[str, object], shown: Progress):
    wall = Wall()
    found = Rows()
    board = board_of(wall, found)
    expect(found, "a", "here")
    board.hear({"event": "wall:a", "job": 1, **heard})
    async with asyncio.timeout(5):
        while not wall.progress:
            await asyncio.sleep(INTERVAL / 10)
    assert wall.progress == [shown]


async def test_who_waits_is_told_when_it_is_done():
    wall, found = Wall(), Rows()
    board = board_of(wall, found)
    expect(found, "a", "here")
    board.hear({"event": "wall:a", "job": 1, "phase": "queued", "ahead": 3, "eta": 118.0})
    async with asyncio.timeout(5):
        while not wall.progress:
            await asyncio.sleep(INTERVAL / 10)
    (shown,) = wall.progress
    assert clean(shown.note) == "Waiting: 3 before you. Ready in 2 min."
    assert shown.position == 3
    # On Discord the moment counts down by itself.
    body = progress_body(shown)["content"]
    assert re.search(r"Waiting: 3 before you\. Ready <t:\d+:R>\.", body), body


async def test_a_message_that_is_no_progress_is_dropped():
    wall, found = Wall(), Rows()
    board = board_of(wall, found)
    expect(found, "a", "here")
    for odd in (
        None, [], "x", {}, {"event": "wall:a"}, {"event": "wall:a", "job": "x"}, {"event": 7, "job": 1},
        {"event": "wall:a", "job": 1, "percent": "half"}, {"event": "wall:a", "job": 1, "text": {"a": 1}},
        {"event": "elsewhere:a", "job": 1}, {"event": "wall:a", "job": 1, "text": "x" * 200_000},
    ):  # fmt: skip
        board.hear(odd)
    board.hear({"event": "wall:a", "job": 1, "phase": "finishing"})
    async with asyncio.timeout(5):
        while not wall.progress:
            await asyncio.sleep(INTERVAL / 10)
    assert [p.note for p in wall.progress] == ["Almost there …"]


async def test_what_is_remembered_is_bounded():
    board = board_of(Wall(), Rows())
    for n in range(KEPT_AT_MOST + 50):
        board.hear({"event": f"wall:{n}", "job": 1})
    assert len(board._entries) <= KEPT_AT_MOST
    await board.close()


async def test_no_edit_begins_or_goes_on_once_another_process_leads():
    wall, found = Wall(seconds=60), Rows()
    left = 0.0
    board = board_of(wall, found, lambda _platform: left)
    expect(found, "a", "here")
    board.hear({"event": "wall:a", "job": 1})
    assert board._entries == {}
    left = 0.2
    board.hear({"event": "wall:a", "job": 1})
    async with asyncio.timeout(10):
        await board.end("wall:a")  # the edit that would take a minute was cut off
    assert wall.shown == []
