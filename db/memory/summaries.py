"""Summaries: the past by levels. Those of level 1 are made from pages or messages, those above from the level below.

A story's summary hangs on the page at which it ends, so branches share what they have in common; a chat's on a message.
It says where it stands by positions on the way to its end, from 0: a page's is its number less one. The messages of a
chat are in the order of `db.chats.history`; what comes next after a summary's last message has the next position, also
when old messages have been deleted meanwhile.

A summary is *stale* once a text before its end has changed: it is not handed out until it is written anew, or found to
be made from the same texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from db.connection import row, rows
from db.records import columns, fetch, fetch_one

PER_LEVEL: Final = 64
"""So many of the last summaries of each level are handed out."""

Kind = Literal["dialogue", "narration", "plot"]

# Along a level, and from each summary to those of higher levels which end where it does. Only as far as is asked for:
# the length of the story does not matter.
OF_STORY: Final = """
WITH RECURSIVE up AS (
    SELECT id, parent_id, number, EXISTS (SELECT FROM summaries s WHERE s.page_id = p.id AND s.level = 1) AS found
    FROM pages p WHERE id = $1
    UNION ALL
    SELECT p.id, p.parent_id, p.number, EXISTS (SELECT FROM summaries s WHERE s.page_id = p.id AND s.level = 1)
    FROM up JOIN pages p ON p.id = up.parent_id WHERE NOT up.found),
chain AS (
    SELECT s.id, s.level, s.previous_id, s.page_id, s.last AS newest FROM up JOIN summaries s ON s.page_id = up.id
    WHERE s.level = 1
    UNION
    SELECT next.*, c.newest FROM chain c, LATERAL (
        SELECT s.id, s.level, s.previous_id, s.page_id FROM summaries s
            WHERE s.id = c.previous_id
            AND s.last > c.newest - $2::integer * $3::integer * power($4::integer, s.level - 1)
        UNION ALL
        SELECT s.id, s.level, s.previous_id, s.page_id FROM summaries s
            WHERE s.page_id = c.page_id AND s.level > c.level) next)
SELECT %s FROM summaries WHERE id IN (SELECT id FROM chain) ORDER BY level, last"""
"""The columns (``%s``) of `of_story`: of the page ``$1``, ``$2`` per level, ``$3`` and ``$4`` chunk and fanout."""
OF_CHAT: Final = """
SELECT %s FROM memories m, LATERAL (SELECT max(level) AS most FROM summaries s WHERE s.memory_id = m.id) top,
    generate_series(1, top.most) l, LATERAL (
    SELECT * FROM summaries s WHERE s.memory_id = m.id AND s.level = l AND s.message_id IS NOT NULL
    ORDER BY s.last DESC LIMIT $4) s
WHERE m.conversation_id = $1 AND m.persona_id = $2 AND m.epoch = $3 ORDER BY level, last"""
"""The columns (``%s``) of `of_chat`: ``$4`` per level."""


@dataclass(frozen=True, slots=True)
class PastSummary:
    """A summary of what stands at the positions from ``first`` to ``last``, both included, on the way to its end.

    ``kind`` is what it was made from; ``jumps`` are all positions up to its end before which time has passed, which no
    summary spans. ``last_said`` and ``message_id`` are the place of its last message in the order of a chat.
    """

    id: int
    memory_id: int
    level: int
    page_id: int | None
    message_id: int | None
    first: int
    last: int
    first_said: int | None
    last_said: int | None
    previous_id: int | None
    jumps: list[int]
    kind: Kind
    text: str
    source_hash: str
    version: str
    stale: bool


@dataclass(frozen=True, slots=True)
class NewSummary:
    """A summary to store; the fields are those of `PastSummary`."""

    level: int
    page_id: int | None
    message_id: int | None
    first: int
    last: int
    first_said: int | None
    last_said: int | None
    jumps: list[int]
    kind: Kind
    text: str
    source_hash: str
    version: str


async def of_story(page_id: int, *, chunk: int, fanout: int, per_level: int = PER_LEVEL) -> list[PastSummary]:
    """Return the last summaries of each level on the way to a page, by level and then oldest first, stale ones too.

    Of level 1, one is made from ``chunk`` pages, above from ``fanout`` of the level below. Levels overlap: the reader
    picks the finest for the newest. The last one may end at the page itself.
    """
    return await fetch(PastSummary, OF_STORY % columns(PastSummary), page_id, per_level, chunk, fanout)


async def of_chat(
    conversation_id: int, persona_id: int, epoch: int, *, per_level: int = PER_LEVEL
) -> list[PastSummary]:
    """Return the last summaries of each level of a chat, by level and then oldest first, stale ones too."""
    return await fetch(PastSummary, OF_CHAT % columns(PastSummary, "s"), conversation_id, persona_id, epoch, per_level)


async def get(account_id: int, summary_id: int) -> PastSummary | None:
    """Return a summary of an account; None if there is none."""
    return await fetch_one(
        PastSummary,
        f"SELECT {columns(PastSummary, 's')} FROM summaries s JOIN memories m ON m.id = s.memory_id "
        "LEFT JOIN stories t ON t.id = m.story_id LEFT JOIN conversations c ON c.id = m.conversation_id "
        "WHERE s.id = $1 AND coalesce(t.account_id, c.account_id) = $2",
        summary_id, account_id,
    )  # fmt: skip


async def parts(summary: PastSummary, *, chunk: int, fanout: int) -> list[PastSummary]:
    """Return the summaries that one was made from, oldest first, stale ones too; none for one of level 1."""
    if summary.page_id is not None:
        below = await of_story(summary.page_id, chunk=chunk, fanout=fanout)
    else:
        below = await fetch(
            PastSummary,
            f"SELECT {columns(PastSummary)} FROM summaries WHERE memory_id = $1 AND message_id IS NOT NULL "
            "AND level < $2 AND last BETWEEN $3 AND $4",
            summary.memory_id, summary.level, summary.first, summary.last,
        )  # fmt: skip
    found: list[PastSummary] = []
    at = summary.first
    # Before a jump in time there may be none of the level just below.
    while part := max(
        (s for s in below if s.first == at and s.level < summary.level and s.last <= summary.last),
        key=lambda s: s.level,
        default=None,
    ):
        found.append(part)
        at = part.last + 1
    return found


async def put(memory_id: int, new: NewSummary, previous_id: int | None) -> int:
    """Store a summary in place of the one that is there; return its id. ``previous_id`` is the one before it."""
    of_page = new.page_id is not None
    target = "page_id, level" if of_page else "memory_id, level, last"
    only = f"{'page_id' if of_page else 'message_id'} IS NOT NULL"
    found = await row(
        "INSERT INTO summaries (memory_id, previous_id, level, page_id, message_id, first, last, first_said, "
        "last_said, jumps, kind, text, source_hash, version) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) "
        f"ON CONFLICT ({target}) WHERE {only} DO UPDATE SET previous_id = excluded.previous_id, "
        "message_id = excluded.message_id, first = excluded.first, first_said = excluded.first_said, "
        "last_said = excluded.last_said, jumps = excluded.jumps, kind = excluded.kind, text = excluded.text, "
        "source_hash = excluded.source_hash, version = excluded.version, stale = false RETURNING id",
        memory_id, previous_id, new.level, new.page_id, new.message_id, new.first, new.last, new.first_said,
        new.last_said, new.jumps, new.kind, new.text, new.source_hash, new.version,
    )  # fmt: skip
    assert found is not None
    return found["id"]


async def drop(memory_id: int, summary_ids: Sequence[int]) -> None:
    """Delete summaries of a memory in whose place others stand now."""
    await rows("DELETE FROM summaries WHERE memory_id = $1 AND id = ANY ($2::bigint[])", memory_id, list(summary_ids))
