"""What a prompt may be told of a memory: summaries, facts, answers, pins and plot, read by one statement."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from db.agents import SamplingChoice
from db.connection import row
from db.memory import summaries
from db.memory.facts import HOLDS, WAY
from db.memory.pins import PINS, Pin
from db.memory.short_forms import SHORT_FORMS
from db.memory.summaries import PastSummary
from db.memory.tracked import QUESTIONS, Tracked
from db.records import build, columns
from db.sampling import read_choices

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
    """What a memory holds at a page or now. ``plot`` has the fields of `db.memory.plots.Plot.content`, or none.

    ``owner_id`` is whose story it is, or who is answered, where nobody else reads along. ``documents``: the archive has
    some for them here. ``forgotten`` are words that are not to be told, ``lore`` the ids of lorebooks that count here,
    ``lore_before`` those of their entries that were called up on the way, of which that was noted; ``shorter`` the
    shorter forms of texts by the hash of these. ``text_model`` and ``sampling`` are the choices of the channel and the
    account of who writes and how (`db.prompts_in_force.InForce`). ``note`` is a chat's author's note, with its ``text``
    and ``depth``, or empty.
    """

    facts: list[FactHeld]
    questions: list[Tracked]
    pins: list[Pin]
    plot: dict[str, Any]
    summaries: list[PastSummary]
    account_id: int | None
    story_id: int | None
    owner_id: int | None
    documents: bool
    forgotten: list[str]
    lore: list[int]
    shorter: dict[str, str]
    lore_before: list[int]
    session: dict[str, list[str]]
    text_model: str
    sampling: Mapping[str, SamplingChoice]
    note: Mapping[str, Any]


_DOCUMENTS: Final = (
    "EXISTS (SELECT FROM archive_documents d JOIN archive_scopes a ON a.id = d.scope_id AND d.kind <> 'lore' "
    "WHERE a.account_id = l.account_id AND (a.kind = 'place' OR (a.kind = 'person' AND a.user_id = l.owner_id) OR %s))"
)
_LORE: Final = (
    "(SELECT jsonb_agg(b.id ORDER BY b.id) FROM lorebooks b WHERE b.account_id = l.account_id "
    "AND (b.kind = 'place' OR (b.kind = 'person' AND b.user_id = l.owner_id) OR %s))"
)
_CALLED: Final = "(SELECT jsonb_agg(DISTINCT k.entry_id) FROM lore_calls k %s)"
_SESSION: Final = (
    "(SELECT jsonb_build_object('pins', x.pins, 'without', coalesce(x.filters -> 'without', '[]')) "
    "FROM context_sessions x WHERE x.user_id IS NULL AND %s)"
)
_NOTE: Final = (
    "(SELECT jsonb_build_object('text', n.note, 'depth', n.note_depth) FROM saved_chats n "
    "WHERE n.conversation_id = $1 AND n.epoch = $3 AND n.note <> '')"
)
_OF_THE_STORY: Final = (
    _DOCUMENTS % "a.story_id = l.story_id",
    _LORE % "b.story_id = l.story_id",
    _CALLED % "WHERE k.page_id IN (SELECT id FROM way)",
    _SESSION % "x.story_id = l.story_id",
    "NULL::jsonb",
)
# An answer that is given anew is no answer before itself.
_OF_THE_CHAT: Final = (
    _DOCUMENTS % "(a.kind = 'persona' AND a.persona_id = $7::bigint)",
    _LORE % "b.persona_id = $7::bigint",
    _CALLED % "JOIN chat_messages m ON m.id = k.message_id WHERE m.conversation_id = $1 AND m.persona_id = $2 "
    "AND m.epoch = $3 AND m.chosen AND m.reply_to_id IS DISTINCT FROM $6::bigint",
    _SESSION % "x.conversation_id = $1 AND x.persona_id = $2 AND x.epoch = $3",
    _NOTE,
)
_CHOSEN: Final = (
    "(SELECT jsonb_build_object('sampling', a.settings -> 'sampling', 'model', coalesce((SELECT nullif(s.model, '') "
    "FROM channel_settings s WHERE s.conversation_id = l.conversation_id), CASE "
    "WHEN jsonb_typeof(a.settings -> 'text_model') = 'string' THEN a.settings ->> 'text_model' END)) "
    "FROM accounts a WHERE a.id = l.account_id)"
)
_MEMORY: Final = "(SELECT id FROM memory)"
# A memory's parts are few; each is read as one JSON text, so that all of them are one round trip.
_HELD: Final = f"""
SELECT (SELECT jsonb_agg(to_jsonb(x)) FROM (SELECT {columns(FactHeld, "f")} FROM facts f WHERE {HOLDS % _MEMORY}
        ORDER BY f.importance DESC, f.id DESC LIMIT {MOST_FACTS}) x) AS facts,
    (SELECT jsonb_agg(to_jsonb(x)) FROM ({QUESTIONS % _MEMORY}) x) AS questions,
    (SELECT jsonb_agg(to_jsonb(x)) FROM ({PINS % _MEMORY}) x) AS pins,
    (SELECT o.content FROM plots o JOIN pages p ON p.id = o.page_id WHERE o.memory_id = {_MEMORY}
        AND o.page_id IN (SELECT id FROM way) ORDER BY p.number DESC LIMIT 1) AS plot,
    ({SHORT_FORMS % _MEMORY}) AS shorter,
    (SELECT forgotten FROM memories WHERE id = {_MEMORY}) AS forgotten, l.account_id, l.story_id, l.owner_id,
    %s AS documents, %s AS lore, %s AS lore_before, %s AS session, %s AS note, {_CHOSEN} AS chosen,
    (SELECT jsonb_agg(to_jsonb(x)) FROM (%s) x) AS summaries
FROM (SELECT) one LEFT JOIN place l ON true"""
_OF_STORY: Final = (
    "WITH RECURSIVE place AS (SELECT s.id AS story_id, s.account_id, s.conversation_id, "
    "CASE c.kind WHEN 'dm' THEN s.owner_id END AS owner_id FROM pages p JOIN stories s ON s.id = p.story_id "
    "JOIN conversations c ON c.id = s.conversation_id WHERE p.id = $1), "
    "memory AS (SELECT m.id FROM memories m JOIN place USING (story_id)), "
    f"{WAY.replace('$2', '$1')} "
    f"{_HELD % (*_OF_THE_STORY, summaries.OF_STORY % columns(PastSummary))}"
)
_OF_CHAT: Final = (
    "WITH place AS (SELECT NULL::bigint AS story_id, account_id, id AS conversation_id, "
    "CASE kind WHEN 'dm' THEN $5::bigint END AS owner_id "
    "FROM conversations WHERE id = $1), "
    "memory AS (SELECT id FROM memories WHERE conversation_id = $1 AND persona_id = $2 AND epoch = $3), "
    "way AS (SELECT NULL::bigint AS id WHERE false) "
    f"{_HELD % (*_OF_THE_CHAT, summaries.OF_CHAT % columns(PastSummary, 's'))}"
)


async def of_story(page_id: int, *, chunk: int, fanout: int) -> Held:
    """Return what holds on the way to a page of a story, with summaries as `summaries.of_story` returns them."""
    return _held(await row(_OF_STORY, page_id, summaries.PER_LEVEL, chunk, fanout))


async def of_chat(
    conversation_id: int,
    persona_id: int,
    epoch: int,
    user_id: int | None = None,
    said_id: int | None = None,
    speaker_id: int | None = None,
) -> Held:
    """Return what holds now in a chat, with summaries as `summaries.of_chat` returns them.

    ``user_id`` is answered, the reply is to the message or cue ``said_id``. ``speaker_id`` speaks, if that is another
    persona than the chat's: documents and lorebooks are those of who speaks.
    """
    of = (user_id, said_id, speaker_id or persona_id)
    return _held(await row(_OF_CHAT, conversation_id, persona_id, epoch, summaries.PER_LEVEL, *of))


def _held(found: dict[str, Any] | None) -> Held:
    assert found is not None
    chosen: dict[str, Any] = json.loads(found["chosen"] or "{}")
    return Held(
        [build(FactHeld, each) for each in json.loads(found["facts"] or "[]")],
        [build(Tracked, each) for each in json.loads(found["questions"] or "[]")],
        [build(Pin, each) for each in json.loads(found["pins"] or "[]")],
        json.loads(found["plot"] or "{}"),
        [build(PastSummary, each) for each in json.loads(found["summaries"] or "[]")],
        found["account_id"],
        found["story_id"],
        found["owner_id"],
        found["documents"],
        json.loads(found["forgotten"] or "[]"),
        json.loads(found["lore"] or "[]"),
        json.loads(found["shorter"] or "{}"),
        json.loads(found["lore_before"] or "[]"),
        json.loads(found["session"] or "{}"),
        chosen.get("model") or "",
        read_choices(chosen.get("sampling")),
        json.loads(found["note"] or "{}"),
    )
