"""What was said, written and learnt in a chat or story, brought into the archive; for the background, until it is done.

An edit, another variant or a refusal removes a text's chunks at once (triggers of the migration) and has it read again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from db.connection import row, rows, transaction
from db.memory import chunks
from db.memory.chunks import NewChunk
from db.memory.passages import passages
from db.memory.scopes import ArchiveScope, make

BATCH: Final = 50
"""Texts of a batch: a person's message waits for one at most."""
SITTING: Final = timedelta(hours=6)
"""A longer pause is a time jump: what was said before it does not lift what is said after it."""
GAP: Final = 4
"""Positions between texts that are no neighbours: more than a search looks around (`db.memory.search.REACH`)."""
AGAIN: Final = 40
"""The last messages are looked at again: of two that were said at once, the later one may be stored first."""
_STEMMERS: Final = {
    "da": "danish", "nl": "dutch", "en": "english", "fi": "finnish", "fr": "french", "de": "german",
    "hu": "hungarian", "it": "italian", "nb": "norwegian", "no": "norwegian", "pt": "portuguese", "es": "spanish",
    "sv": "swedish", "tr": "turkish",
}  # fmt: skip

_LOCK: Final = "SELECT indexed_to FROM archive_scopes WHERE id = $1 FOR UPDATE"
_MESSAGES: Final = f"""
SELECT m.id, m.text, m.created_at AS said_at, CASE m.role WHEN 'persona' THEN p.name ELSE (
    SELECT i.name FROM identities i JOIN conversations c ON c.platform = i.platform
    WHERE i.user_id = m.user_id AND c.id = m.conversation_id LIMIT 1) END AS speaker
FROM chat_messages m JOIN personas p ON p.id = coalesce(m.speaker_id, m.persona_id)
WHERE m.conversation_id = $1 AND m.persona_id = $2 AND m.epoch = $3 AND m.id >= $4 AND m.state = 'ready' AND m.chosen
    AND m.verdict <> 'refused' AND m.text <> ''
    AND NOT EXISTS (SELECT FROM archive_chunks c WHERE c.message_id = m.id) ORDER BY m.id LIMIT {BATCH}"""
_BEFORE: Final = """
SELECT c.position, m.created_at AS said_at FROM chat_messages m JOIN archive_chunks c ON c.message_id = m.id
WHERE m.conversation_id = $1 AND m.persona_id = $2 AND m.epoch = $3 AND m.id < $4
ORDER BY m.id DESC, c.part DESC LIMIT 1"""
_DONE: Final = f"""
UPDATE archive_scopes SET indexed_to = coalesce((SELECT m.id FROM chat_messages m WHERE m.conversation_id = $2
    AND m.persona_id = $3 AND m.epoch = $4 ORDER BY m.id DESC OFFSET {AGAIN} LIMIT 1), 0) WHERE id = $1"""
_PAGES: Final = f"""
SELECT p.id, p.text, p.parent_id, p.created_at AS said_at FROM pages p WHERE p.story_id = $1 AND p.state = 'ready'
    AND p.text <> '' AND NOT EXISTS (SELECT FROM archive_chunks c WHERE c.page_id = p.id)
ORDER BY p.number, p.id LIMIT {BATCH}"""

_FORGOTTEN_CHAT: Final = (
    "SELECT lower(w) AS word FROM memories m, jsonb_array_elements_text(m.forgotten) w "
    "WHERE m.conversation_id = $1 AND m.persona_id = $2 AND m.epoch = $3"
)
_FORGOTTEN_STORY: Final = (
    "SELECT lower(w) AS word FROM memories m, jsonb_array_elements_text(m.forgotten) w WHERE m.story_id = $1"
)
_FACTS: Final = f"""
SELECT f.id, f.subject, f.text, f.importance, f.valid_from AS said_at FROM archive_scopes s
JOIN memories m ON m.story_id = s.story_id OR (m.conversation_id = s.conversation_id AND m.persona_id = s.persona_id
    AND m.epoch = s.epoch)
JOIN facts f ON f.memory_id = m.id
WHERE s.id = $1 AND s.kind IN ('chat', 'story') AND f.verdict <> 'refused'
    AND NOT EXISTS (SELECT FROM archive_chunks c WHERE c.fact_id = f.id) ORDER BY f.id LIMIT {BATCH}"""

_LAST_FACT: Final = (
    "SELECT coalesce(max(position), 0) AS last FROM archive_chunks WHERE scope_id = $1 AND source = 'fact'"
)


def dictionary_of(language: str) -> str:
    """Return PostgreSQL's dictionary for a language (``de``, ``pt-BR``); English for one without."""
    return f"{_STEMMERS.get(language.partition('-')[0].lower(), 'english')}_stem"


async def index_chat(account_id: int, conversation_id: int, persona_id: int, epoch: int, *, language: str = "") -> int:
    """Bring the next messages of a chat into the archive and return how many there were; 0: it is done.

    Raises `NotFound` if the chat is not the account's.
    """
    scope = await make(account_id, ArchiveScope.chat(conversation_id, persona_id, epoch))
    chat = (conversation_id, persona_id, epoch)
    async with transaction():
        locked = await row(_LOCK, scope)
        if locked is None:
            return 0
        found = await rows(_MESSAGES, *chat, locked["indexed_to"])
        forgotten = [each["word"] for each in await rows(_FORGOTTEN_CHAT, *chat)]
        before: dict[str, Any] | None = None
        new: list[NewChunk] = []
        for message in found:
            # In the archive already, or in this batch: what stands before it.
            before = _later(before, await row(_BEFORE, *chat, message["id"]))
            position = _position(before, message["said_at"])
            parts = _parts(message, position, forgotten)
            new += parts
            before = {"position": position + len(parts) - 1, "said_at": message["said_at"]}
        await chunks.add(scope, new, dictionary_of(language))
        if len(found) < BATCH:
            await rows(_DONE, scope, *chat)
    return len(found)


async def index_story(account_id: int, story_id: int, *, language: str = "") -> int:
    """Bring the next pages of a story, on all its branches, into the archive and return how many; 0: it is done.

    Raises `NotFound` if the story is not the account's.
    """
    scope = await make(account_id, ArchiveScope.story(story_id))
    async with transaction():
        if await row(_LOCK, scope) is None:
            return 0
        found = await rows(_PAGES, story_id)
        forgotten = [each["word"] for each in await rows(_FORGOTTEN_STORY, story_id)]
        ends: dict[int, int] = {}
        for page in found:
            parent: int | None = page["parent_id"]
            if parent is not None and parent not in ends:
                last = await row("SELECT max(position) AS last FROM archive_chunks WHERE page_id = $1", parent)
                ends[parent] = int(last["last"] or 0) if last else 0
            start = 1 if parent is None else ends[parent] + 1
            new = [
                _without(
                    forgotten,
                    p.text,
                    NewChunk(
                        p.text, start + n, page["said_at"], page_id=page["id"], part=n, start=p.start,
                        length=len(p.text),
                    ),
                )
                for n, p in enumerate(passages(page["text"]))
            ]  # fmt: skip
            await chunks.add(scope, new, dictionary_of(language))
            ends[page["id"]] = start + len(new) - 1
    return len(found)


async def index_facts(account_id: int, scope: ArchiveScope, *, language: str = "") -> int:
    """Bring the next facts of a chat or story into the archive and return how many there were; 0: it is done.

    Those that another replaces too: on another branch they hold. Raises `NotFound` if the scope is not the account's.
    """
    scope_id = await make(account_id, scope)
    async with transaction():
        if await row(_LOCK, scope_id) is None:
            return 0
        found = await rows(_FACTS, scope_id)
        end = await row(_LAST_FACT, scope_id)
        assert end is not None
        new = [
            NewChunk(
                f"{fact['subject']} {fact['text']}",
                # One fact does not lift another.
                end["last"] + GAP * n,
                fact["said_at"],
                fact_id=fact["id"],
                length=len(fact["text"]),
                importance=fact["importance"],
            )
            for n, fact in enumerate(found, 1)
        ]
        await chunks.add(scope_id, new, dictionary_of(language))
    return len(found)


def _later(one: dict[str, Any] | None, other: dict[str, Any] | None) -> dict[str, Any] | None:
    if one is None or other is None:
        return one or other
    return max(one, other, key=lambda each: each["position"])


def _position(before: dict[str, Any] | None, said_at: datetime) -> int:
    if before is None:
        return 1
    return before["position"] + (1 if said_at - before["said_at"] <= SITTING else GAP)


def _without(forgotten: Sequence[str], text: str, chunk: NewChunk) -> NewChunk:
    """Return the chunk of a passage, or an empty one in its place if it has a word that somebody has forgotten."""
    if not any(word in text.lower() for word in forgotten):
        return chunk
    return replace(chunk, indexed="", length=0, metadata={})


def _parts(message: dict[str, Any], position: int, forgotten: Sequence[str]) -> list[NewChunk]:
    speaker = message["speaker"] or ""
    return [
        _without(
            forgotten,
            p.text,
            NewChunk(
                f"{speaker} {p.text}",
                position + n,
                message["said_at"],
                message_id=message["id"],
                part=n,
                start=p.start,
                length=len(p.text),
                metadata={"speaker": speaker} if speaker else {},
            ),
        )
        for n, p in enumerate(passages(message["text"]))
    ]
