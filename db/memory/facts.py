"""Facts: what was learnt about people, places, things and promises, each with the page or message it comes from.

A fact that contradicts an older one is its successor: of the two the newer holds, wherever both are on the way. So in
another branch of a story the older one goes on, and if the newer one's source is changed or deleted it holds again.
The source always stays.

Of a story, a fact is known on the ways over its page; what a person added by hand is known everywhere. ``present``
names who was there: what somebody of a story may know are the facts at which they were present, or nobody is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from db.connection import ids, jsonb, row, rows
from db.errors import BadInput, NotFound
from db.memory import chunks
from db.moderation import Verdict
from db.records import Json, columns, fetch, fetch_one

TEXT_CHARS: Final = 500
"""Maximum length of a fact that a person adds, in characters."""
SUBJECT_CHARS: Final = 60
FORGOTTEN: Final = 100
"""Words that one memory leaves out."""
BY_HAND: Final = 200
"""Facts that people may add to one memory."""

FactKind = Literal["person", "place", "promise", "thing", "event"]

WAY: Final = (
    "way AS (SELECT id, parent_id FROM pages WHERE id = $2::bigint UNION ALL "
    "SELECT p.id, p.parent_id FROM way JOIN pages p ON p.id = way.parent_id)"
)
"""The pages on the way to the page ``$2``; none without one."""
# The page of a story from which it is asked ($2) makes the way; a chat has one way only. Facts of one memory are few
# enough to be looked at one by one; the way is walked once.
HOLDS: Final = (
    "f.memory_id = %s AND f.verdict <> 'refused' AND (f.page_id IS NULL OR f.page_id IN (SELECT id FROM way)) "
    "AND NOT EXISTS (SELECT FROM fact_successions s JOIN facts n ON n.id = s.successor_id WHERE s.fact_id = f.id "
    "AND n.verdict <> 'refused' AND (n.page_id IS NULL OR n.page_id IN (SELECT id FROM way)))"
)
"""Whether a fact ``f`` of a memory (``%s``) holds on the way."""
_OF_ACCOUNT: Final = (
    "EXISTS (SELECT FROM memories m LEFT JOIN stories s ON s.id = m.story_id "
    "LEFT JOIN conversations c ON c.id = m.conversation_id "
    "WHERE m.id = f.memory_id AND coalesce(s.account_id, c.account_id) = $1)"
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact. Without ``page_id`` and ``message_id`` a person added it; ``user_id`` is who said or added it.

    ``importance`` is 1 to 10; ``present`` are the names of those who were there.
    """

    id: int
    memory_id: int
    page_id: int | None
    message_id: int | None
    user_id: int | None
    subject: str
    text: str
    kind: FactKind
    importance: int
    present: Json[list[str]]
    valid_from: datetime
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class NewFact:
    """A fact to store, with the ids of those that it replaces."""

    subject: str
    text: str
    kind: FactKind
    importance: int
    version: str
    page_id: int | None = None
    message_id: int | None = None
    user_id: int | None = None
    present: Sequence[str] = ()
    replaces: Sequence[int] = ()
    valid_from: datetime | None = None


async def holding(
    memory_id: int,
    page_id: int | None = None,
    *,
    known_to: str = "",
    about: Sequence[str] = (),
    most: int = 50,
    skip: int = 0,
) -> list[Fact]:
    """Return the facts that hold on the way to a page of a story, or now in a chat, the weightiest and newest first.

    ``known_to``: only what this person of a story may know. ``about``: only facts whose subject or text has one of
    these words. The first ``skip`` are left out.
    """
    return await fetch(
        Fact,
        f"WITH RECURSIVE {WAY} SELECT {columns(Fact, 'f')} FROM facts f WHERE {HOLDS % '$1'} "
        "AND ($3 = '' OR f.present = '[]' OR EXISTS (SELECT FROM jsonb_array_elements_text(f.present) p "
        "WHERE lower(p) = lower($3))) "
        "AND ($4::text[] = '{}' OR EXISTS (SELECT FROM unnest($4::text[]) w "
        "WHERE strpos(lower(f.subject || ' ' || f.text), lower(w)) > 0)) "
        "ORDER BY f.importance DESC, f.id DESC LIMIT $5 OFFSET $6",
        memory_id, page_id, known_to, list(about), most, skip,
    )  # fmt: skip


async def put(memory_id: int, facts: Sequence[NewFact]) -> list[int]:
    """Store facts and return their ids. Those that hold with the same words from the same source are not repeated.

    A source that is gone, or a replaced fact of another memory, is left out.
    """
    found: list[int] = []
    for fact in facts:
        made = await row(
            "INSERT INTO facts (memory_id, page_id, message_id, user_id, subject, text, kind, importance, present, "
            "valid_from, version) SELECT $1, $2, $3, (SELECT id FROM users WHERE id = $4), $5, $6, $7, $8, $9::jsonb, "
            "coalesce($10, now()), $11 WHERE ($2::bigint IS NULL OR EXISTS (SELECT FROM pages WHERE id = $2)) "
            "AND ($3::bigint IS NULL OR EXISTS (SELECT FROM chat_messages WHERE id = $3)) "
            "AND NOT EXISTS (SELECT FROM facts f WHERE f.memory_id = $1 AND f.page_id IS NOT DISTINCT FROM $2 "
            "AND f.message_id IS NOT DISTINCT FROM $3 AND lower(f.text) = lower($6)) RETURNING id",
            memory_id, fact.page_id, fact.message_id, fact.user_id, fact.subject, fact.text, fact.kind,
            fact.importance, jsonb(list(fact.present)), fact.valid_from, fact.version,
        )  # fmt: skip
        if made is None:
            continue
        found.append(made["id"])
        if fact.replaces:
            await rows(
                "INSERT INTO fact_successions (fact_id, successor_id) SELECT id, $2 FROM facts "
                "WHERE id = ANY ($3::bigint[]) AND memory_id = $1 AND id <> $2 ON CONFLICT DO NOTHING",
                memory_id, made["id"], list(fact.replaces),
            )  # fmt: skip
    return found


async def add_by_hand(
    memory_id: int, user_id: int, subject: str, text: str, verdict: Verdict, *, importance: int = 8
) -> int:
    """Store what a person adds, and return its id; it holds on every way. Raises `BadInput`."""
    subject, text = _checked(subject, text)
    made = await row(
        "INSERT INTO facts (memory_id, user_id, subject, text, kind, importance, version, verdict) "
        "SELECT $1, $2, $3, $4, 'event', $5, 'by hand', $6 WHERE (SELECT count(*) FROM facts WHERE memory_id = $1 "
        "AND page_id IS NULL AND message_id IS NULL) < $7 RETURNING id",
        memory_id, user_id, subject, text, importance, verdict, BY_HAND,
    )  # fmt: skip
    if made is None:
        raise BadInput("memory.too_many", limit=BY_HAND)
    return made["id"]


async def get(account_id: int, fact_id: int) -> Fact | None:
    """Return a fact of an account; None if there is none."""
    return await fetch_one(
        Fact, f"SELECT {columns(Fact, 'f')} FROM facts f WHERE f.id = $2 AND {_OF_ACCOUNT}", account_id, fact_id
    )


async def history(account_id: int, fact_id: int) -> list[Fact]:
    """Return the facts of an account that one replaced, directly or not, newest first."""
    return await fetch(
        Fact,
        "WITH RECURSIVE older AS (SELECT fact_id AS id FROM fact_successions WHERE successor_id = $2 UNION "
        "SELECT s.fact_id FROM fact_successions s JOIN older o ON o.id = s.successor_id) "
        f"SELECT {columns(Fact, 'f')} FROM facts f WHERE f.id IN (SELECT id FROM older) AND {_OF_ACCOUNT} "
        "ORDER BY f.id DESC",
        account_id, fact_id,
    )  # fmt: skip


async def edit(account_id: int, user_id: int, fact_id: int, text: str, verdict: Verdict) -> None:
    """Set a fact's text; who edits it is its author from now on. Raises `BadInput`, `NotFound`."""
    _, text = _checked("-", text)
    found = await row(
        "UPDATE facts f SET text = $3, user_id = $4, verdict = $5, version = 'by hand' "
        f"WHERE f.id = $2 AND {_OF_ACCOUNT} RETURNING f.id",
        account_id, fact_id, text, user_id, verdict,
    )  # fmt: skip
    if found is None:
        raise NotFound("memory.unknown")


async def forget(account_id: int, fact_id: int) -> None:
    """Delete a fact with those that it replaced, which would hold again otherwise. Raises `NotFound`.

    The messages and pages that they come from stay, but leave the archive.
    """
    older = [fact.id for fact in await history(account_id, fact_id)]
    gone = await rows(
        f"DELETE FROM facts f WHERE f.id = ANY ($2::bigint[]) AND {_OF_ACCOUNT} RETURNING f.id, f.message_id, "
        "f.page_id",
        account_id, [fact_id, *older],
    )  # fmt: skip
    if fact_id not in ids(gone):
        raise NotFound("memory.unknown")
    for each in gone:
        await chunks.blank(each["message_id"], each["page_id"])


async def forget_about(account_id: int, memory_id: int, word: str) -> int:
    """Delete what has a word: facts, answers, notes, pins, short forms; return how many, with summaries.

    These are written anew. Sentences that have it are not read again for this memory, and passages that have it leave
    the archive; the messages themselves stay.
    """
    word = checked_word(word)
    found = await row(
        "WITH mine AS (SELECT m.id FROM memories m LEFT JOIN stories s ON s.id = m.story_id "
        "LEFT JOIN conversations c ON c.id = m.conversation_id "
        "WHERE m.id = $2 AND coalesce(s.account_id, c.account_id) = $1), "
        "f AS (DELETE FROM facts WHERE memory_id IN (SELECT id FROM mine) "
        "AND strpos(lower(subject || ' ' || text), lower($3)) > 0 RETURNING 1), "
        # Where nothing of it stood, a summary is found to be as it was.
        "s AS (UPDATE summaries SET stale = true, "
        "text = CASE WHEN strpos(lower(text), lower($3)) > 0 THEN '' ELSE text END, "
        "source_hash = CASE WHEN strpos(lower(text), lower($3)) > 0 THEN '' ELSE source_hash END "
        "WHERE memory_id IN (SELECT id FROM mine) RETURNING text = '' AS cut), "
        "w AS (UPDATE memories SET forgotten = (forgotten - $3) || jsonb_build_array($3), "
        "changes = (changes + 1) % 1000000000, due_at = now() WHERE id IN (SELECT id FROM mine) "
        "AND jsonb_array_length(forgotten - $3) < $4), "
        "a AS (DELETE FROM tracked_answers WHERE question_id IN (SELECT id FROM tracked_questions "
        "WHERE memory_id IN (SELECT id FROM mine)) AND strpos(lower(text), lower($3)) > 0 RETURNING 1), "
        "p AS (DELETE FROM pins WHERE memory_id IN (SELECT id FROM mine) "
        "AND strpos(lower(text), lower($3)) > 0 RETURNING 1), "
        "o AS (DELETE FROM plots WHERE memory_id IN (SELECT id FROM mine) "
        "AND strpos(lower(content::text), lower($3)) > 0 RETURNING 1), "
        "h AS (DELETE FROM short_forms WHERE memory_id IN (SELECT id FROM mine) "
        "AND strpos(lower(text), lower($3)) > 0 RETURNING 1), "
        f"b AS (UPDATE archive_chunks c {chunks.BLANK} WHERE {chunks.ABOUT_A_WORD} RETURNING c.id), "
        "v AS (DELETE FROM archive_vectors WHERE chunk_id IN (SELECT id FROM b)) "
        "SELECT (SELECT count(*) FROM f) + (SELECT count(*) FROM s WHERE cut) + (SELECT count(*) FROM a) "
        "+ (SELECT count(*) FROM p) + (SELECT count(*) FROM o) + (SELECT count(*) FROM h) "
        "+ (SELECT count(*) FROM b) AS n",
        account_id, memory_id, word, FORGOTTEN,
    )  # fmt: skip
    assert found is not None
    return found["n"]


def checked_word(word: str) -> str:
    """Return the word about which everything is to be forgotten. Raises `BadInput`."""
    word = " ".join(word.split())
    if not word:
        raise BadInput("memory.empty")
    if len(word) > SUBJECT_CHARS:
        raise BadInput("memory.too_long", length=len(word), limit=SUBJECT_CHARS)
    return word


def _checked(subject: str, text: str) -> tuple[str, str]:
    subject, text = " ".join(subject.split()), " ".join(text.split())
    if not text or not subject:
        raise BadInput("memory.empty")
    for value, limit in ((subject, SUBJECT_CHARS), (text, TEXT_CHARS)):
        if len(value) > limit:
            raise BadInput("memory.too_long", length=len(value), limit=limit)
    return subject, text
