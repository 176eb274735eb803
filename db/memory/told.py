"""What a prompt may be told of a memory: summaries, facts, answers, pins and plot, read by one statement."""

import json
from dataclasses import dataclass
from typing import Any, Final

from db.connection import row
from db.memory import summaries
from db.memory.facts import HOLDS, WAY
from db.memory.pins import PINS, Pin
from db.memory.summaries import PastSummary
from db.memory.tracked import QUESTIONS, Tracked
from db.records import build, columns

MOST_FACTS: Final = 200
"""Facts that are handed out, the weightiest and newest."""


@dataclass(frozen=True, slots=True)
class FactHeld:
    """A fact that holds; ``importance`` is 1 to 10."""

    id: int
    subject: str
    text: str
    importance: int


@dataclass(frozen=True, slots=True)
class Held:
    """What a memory holds at a page or now. ``plot`` has the fields of `db.memory.plots.Plot.content`, or none."""

    facts: list[FactHeld]
    questions: list[Tracked]
    pins: list[Pin]
    plot: dict[str, Any]
    summaries: list[PastSummary]


_MEMORY: Final = "(SELECT id FROM memory)"
# A memory's parts are few; each is read as one JSON text, so that all of them are one round trip.
_HELD: Final = f"""
SELECT (SELECT jsonb_agg(to_jsonb(x)) FROM (SELECT {columns(FactHeld, "f")} FROM facts f WHERE {HOLDS % _MEMORY}
        ORDER BY f.importance DESC, f.id DESC LIMIT {MOST_FACTS}) x) AS facts,
    (SELECT jsonb_agg(to_jsonb(x)) FROM ({QUESTIONS % _MEMORY}) x) AS questions,
    (SELECT jsonb_agg(to_jsonb(x)) FROM ({PINS % _MEMORY}) x) AS pins,
    (SELECT o.content FROM plots o JOIN pages p ON p.id = o.page_id WHERE o.memory_id = {_MEMORY}
        AND o.page_id IN (SELECT id FROM way) ORDER BY p.number DESC LIMIT 1) AS plot,
    (SELECT jsonb_agg(to_jsonb(x)) FROM (%s) x) AS summaries"""
_OF_STORY: Final = (
    "WITH RECURSIVE memory AS (SELECT id FROM memories WHERE story_id = (SELECT story_id FROM pages WHERE id = $1)), "
    f"{WAY.replace('$2', '$1')} {_HELD % (summaries.OF_STORY % columns(PastSummary))}"
)
_OF_CHAT: Final = (
    "WITH memory AS (SELECT id FROM memories WHERE conversation_id = $1 AND persona_id = $2 AND epoch = $3), "
    "way AS (SELECT NULL::bigint AS id WHERE false) "
    f"{_HELD % (summaries.OF_CHAT % columns(PastSummary, 's'))}"
)


async def of_story(page_id: int, *, chunk: int, fanout: int) -> Held:
    """Return what holds on the way to a page of a story, with summaries as `summaries.of_story` returns them."""
    return _held(await row(_OF_STORY, page_id, summaries.PER_LEVEL, chunk, fanout))


async def of_chat(conversation_id: int, persona_id: int, epoch: int) -> Held:
    """Return what holds now in a chat, with summaries as `summaries.of_chat` returns them."""
    return _held(await row(_OF_CHAT, conversation_id, persona_id, epoch, summaries.PER_LEVEL))


def _held(found: dict[str, Any] | None) -> Held:
    assert found is not None
    return Held(
        [build(FactHeld, each) for each in json.loads(found["facts"] or "[]")],
        [build(Tracked, each) for each in json.loads(found["questions"] or "[]")],
        [build(Pin, each) for each in json.loads(found["pins"] or "[]")],
        json.loads(found["plot"] or "{}"),
        [build(PastSummary, each) for each in json.loads(found["summaries"] or "[]")],
    )
