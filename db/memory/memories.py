"""The memories themselves: which there are, and which have something to do.

Publishing a page or a reply notes it (`noting_page`, `note_reply`). What is due is found and
started by the workers, when they have room (`workers/remembering.py`): at most one job for each memory.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final, Literal

from db import jobs
from db.connection import row, rows, transaction
from db.jobs import Wakeup
from db.records import Json, columns, fetch, fetch_one
from db.work import JobParameters, Links

PAGES: Final = 4
"""After so many new pages a story's memory is due."""
EXCHANGES: Final = 4
"""After so many exchanges a chat's memory is due."""
QUIET_SECONDS: Final = 120.0
"""It is also due when nobody has said anything for so long."""
SOON_SECONDS: Final = 5.0
"""What is due waits for a moment, in which the answer is delivered."""
AGAIN_SECONDS: Final = 900.0
"""A run that ended without an end, or was not begun, is repeated after so long."""

Rating = Literal["sfw", "suggestive", "nsfw"]
_RATINGS: Final = "ARRAY['sfw', 'suggestive', 'nsfw']"


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """What is remembered of a story, or of a persona in a conversation since the reset that began ``epoch``.

    ``rating`` is what was allowed where its newest text was written. Facts of a chat were looked for up to the message
    ``read_to``. ``changes`` counts those of texts that were there. Sentences with a word of ``forgotten`` are not read.
    """

    id: int
    story_id: int | None
    conversation_id: int | None
    persona_id: int | None
    epoch: int | None
    rating: Rating
    read_to: int
    unread: int
    changes: int
    forgotten: Json[list[str]]
    due_at: datetime | None


class Remember(JobParameters):
    """Bring ``memory`` up to date: that of ``story``, or of a chat."""

    type: ClassVar[str] = "remember"
    memory: int
    story: int | None = None

    def links(self) -> Links:
        """Return the story."""
        return Links(story_id=self.story)


@dataclass(frozen=True, slots=True)
class _Due:
    id: int
    story_id: int | None
    account_id: int
    conversation_id: int | None


def noting_page(story: str, allowance: str) -> str:
    """Return the statement that notes a published page in its story's memory, which is soon due then.

    ``story`` is an expression for the story's id, ``allowance`` for what was allowed at most. It stands in the
    statement that publishes the page: a round trip less for each page.
    """
    return (
        "INSERT INTO memories (story_id, rating, unread) SELECT s.id, "
        f"({_RATINGS})[least(array_position({_RATINGS}, s.rating), array_position({_RATINGS}, {allowance}))], 1 "
        f"FROM stories s WHERE s.id = {story} "
        "ON CONFLICT (story_id) WHERE story_id IS NOT NULL DO UPDATE SET rating = excluded.rating, "
        f"unread = least(memories.unread + 1, 10000), due_at = CASE WHEN memories.unread + 1 >= {PAGES} "
        f"THEN least(memories.due_at, now() + make_interval(secs => {SOON_SECONDS})) ELSE memories.due_at END"
    )


async def note_reply(reply_id: int, allowance: Rating) -> None:
    """Note that a persona's reply was published, where at most ``allowance`` was allowed: soon its chat's is due."""
    await rows(
        "INSERT INTO memories (conversation_id, persona_id, epoch, rating, unread, due_at) "
        "SELECT conversation_id, persona_id, epoch, $2, 1, now() + make_interval(secs => $5) "
        "FROM chat_messages WHERE id = $1 "
        "ON CONFLICT (conversation_id, persona_id, epoch) WHERE conversation_id IS NOT NULL DO UPDATE SET "
        "rating = excluded.rating, unread = least(memories.unread + 1, 10000), "
        "due_at = now() + make_interval(secs => CASE WHEN memories.unread + 1 >= $3 THEN $4 ELSE $5 END)",
        reply_id, allowance, EXCHANGES, SOON_SECONDS, QUIET_SECONDS,
    )  # fmt: skip


async def get(memory_id: int) -> MemoryRecord | None:
    """Return a memory; None if it is gone."""
    return await fetch_one(MemoryRecord, f"SELECT {columns(MemoryRecord)} FROM memories WHERE id = $1", memory_id)


async def of_account(account_id: int, memory_id: int) -> MemoryRecord | None:
    """Return a memory of an account; None if there is none."""
    return await fetch_one(
        MemoryRecord,
        f"SELECT {columns(MemoryRecord, 'm')} FROM memories m LEFT JOIN stories s ON s.id = m.story_id "
        "LEFT JOIN conversations c ON c.id = m.conversation_id "
        "WHERE m.id = $2 AND coalesce(s.account_id, c.account_id) = $1",
        account_id, memory_id,
    )  # fmt: skip


async def of_story(account_id: int, story_id: int) -> MemoryRecord | None:
    """Return the memory of a story of an account; None if there is none yet."""
    return await fetch_one(
        MemoryRecord,
        f"SELECT {columns(MemoryRecord, 'm')} FROM memories m JOIN stories s ON s.id = m.story_id "
        "WHERE s.id = $1 AND s.account_id = $2",
        story_id, account_id,
    )  # fmt: skip


async def of_chat(conversation_id: int, persona_id: int) -> MemoryRecord | None:
    """Return what a persona remembers of a conversation since its last reset; None if there is nothing yet."""
    return await fetch_one(
        MemoryRecord,
        f"SELECT {columns(MemoryRecord, 'm')} FROM memories m JOIN conversations c ON c.id = m.conversation_id "
        "WHERE c.id = $1 AND m.persona_id = $2 AND m.epoch = c.epoch",
        conversation_id, persona_id,
    )  # fmt: skip


async def open_story(account_id: int, story_id: int) -> MemoryRecord | None:
    """Return the memory of a story of an account, begun if need be; None if there is no such story."""
    await rows(
        "INSERT INTO memories (story_id, rating) SELECT id, rating FROM stories WHERE id = $1 AND account_id = $2 "
        "ON CONFLICT DO NOTHING",
        story_id, account_id,
    )  # fmt: skip
    return await of_story(account_id, story_id)


async def open_chat(conversation_id: int, persona_id: int) -> MemoryRecord | None:
    """Return what a persona remembers of a conversation, begun if need be; None if its account may not use it."""
    await rows(
        "INSERT INTO memories (conversation_id, persona_id, epoch) SELECT c.id, p.id, c.epoch FROM conversations c, "
        "personas p WHERE c.id = $1 AND p.id = $2 AND (p.account_id = c.account_id OR p.account_id IS NULL) "
        "ON CONFLICT DO NOTHING",
        conversation_id, persona_id,
    )  # fmt: skip
    return await of_chat(conversation_id, persona_id)


async def start_due(most: int) -> list[Wakeup]:
    """Add a background job for each of up to ``most`` memories that are due, the longest due first; wake workers then.

    None for one whose job is still open. Any number of workers may do this at once.
    """
    added: list[Wakeup] = []
    async with transaction():
        due = await fetch(
            _Due,
            "SELECT m.id, m.story_id, coalesce(s.account_id, c.account_id) AS account_id, m.conversation_id "
            "FROM memories m LEFT JOIN stories s ON s.id = m.story_id "
            "LEFT JOIN conversations c ON c.id = m.conversation_id "
            "WHERE m.due_at <= now() AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = m.job_id "
            "AND j.state IN ('queued', 'running', 'waiting')) ORDER BY m.due_at LIMIT $1 FOR UPDATE OF m SKIP LOCKED",
            most,
        )
        for each in due:
            parameters = Remember(memory=each.id, story=each.story_id)
            job = await jobs.add(
                parameters,
                priority=jobs.BACKGROUND,
                account_id=each.account_id,
                conversation_id=each.conversation_id,
            )
            await rows(
                "UPDATE memories SET job_id = $2, due_at = now() + make_interval(secs => $3) WHERE id = $1",
                each.id, job, AGAIN_SECONDS,
            )  # fmt: skip
            added.append(Wakeup(job, jobs.queue_of(parameters), jobs.BACKGROUND))
    return added


async def lock(memory_id: int) -> MemoryRecord | None:
    """Lock a memory for the rest of the transaction and return it; None if it is gone."""
    return await fetch_one(
        MemoryRecord, f"SELECT {columns(MemoryRecord)} FROM memories WHERE id = $1 FOR UPDATE", memory_id
    )


async def settle(memory: MemoryRecord, *, read_to: int, more: bool) -> None:
    """End a run on a memory: what came meanwhile counts; with ``more`` it goes on soon. The caller holds the lock.

    ``memory`` is as it was when the run began. Facts were looked for up to ``read_to``, unless a text before that was
    changed meanwhile.
    """
    await rows(
        "UPDATE memories SET unread = greatest(unread - $2, 0), "
        "read_to = CASE WHEN read_to < $3 THEN read_to ELSE greatest(read_to, $4) END, "
        "due_at = CASE WHEN $5 OR read_to < $3 THEN now() + make_interval(secs => $6) "
        "WHEN conversation_id IS NOT NULL AND unread > $2 THEN now() + make_interval(secs => $7) "
        "WHEN unread - $2 >= $8 THEN now() + make_interval(secs => $6) END WHERE id = $1",
        memory.id, memory.unread, memory.read_to, read_to, more, SOON_SECONDS, QUIET_SECONDS, PAGES,
    )  # fmt: skip


async def continue_soon(memory_id: int) -> None:
    """Say that there is more to do for a memory, after its run."""
    await rows(
        "UPDATE memories SET due_at = least(due_at, now() + make_interval(secs => $2)) WHERE id = $1",
        memory_id, SOON_SECONDS,
    )  # fmt: skip


async def overdue() -> int:
    """Return how many memories are due, up to 1,000."""
    found = await row("SELECT count(*) AS n FROM (SELECT FROM memories WHERE due_at <= now() LIMIT 1000) d")
    assert found is not None
    return found["n"]
