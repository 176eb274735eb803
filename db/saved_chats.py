"""Several chats in one place: each is a stretch of the conversation, an epoch, of which one is open.

A chat is saved once it is named, has a note, or another one is begun beside it. What was reset is no chat any more.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, Final, Literal

from db.connection import row, rows
from db.conversations import Conversation
from db.errors import LimitReached, NotFound
from db.moderation import Verdict
from db.records import columns, fetch, fetch_one
from db.work import JobParameters, Links

MOST: Final = 25
"""Chats of one place: as many as a list shows."""
NAME_CHARS: Final = 60
NOTE_CHARS: Final = 1000
DEEPEST: Final = 100
"""Messages before which a note may stand."""
MOST_BRANCHED: Final = 2000
"""Messages of people that a chat takes over from the one from which it branches."""
MOST_SAID: Final = 20_000
"""Messages and variants that are written into a file."""
DEPTH: Final = 4
"""Before how many messages a note stands if nobody says otherwise."""


_TALKS: Final = (
    "(SELECT t.persona_id FROM chat_messages t WHERE t.conversation_id = s.conversation_id AND t.epoch = s.epoch "
    "ORDER BY t.id DESC LIMIT 1)"
)
"""Who talked last in the chat ``s``."""
# The copies get their ids in the order of the chat, on which everything relies that reads one.
_COPY: Final = f"""
WITH said AS (SELECT * FROM chat_messages WHERE conversation_id = $1 AND persona_id = $2 AND epoch = $3 AND id <= $4
    AND role <> 'persona' AND verdict <> 'refused' AND (chosen OR id = $4) ORDER BY id DESC LIMIT {MOST_BRANCHED}),
old AS (SELECT *, id AS turn FROM said UNION ALL
    SELECT r.*, r.reply_to_id FROM said JOIN chat_messages r ON r.reply_to_id = said.id
    WHERE r.state = 'ready' AND r.verdict <> 'refused'),
new AS MATERIALIZED (SELECT o.*, nextval(pg_get_serial_sequence('chat_messages', 'id')) AS new_id
    FROM (SELECT * FROM old ORDER BY turn, id) o)
INSERT INTO chat_messages (id, conversation_id, persona_id, speaker_id, user_id, epoch, role, reply_to_id, turn_id,
    variant_index, chosen, hidden, text, verdict, created_at) OVERRIDING SYSTEM VALUE
SELECT n.new_id, n.conversation_id, n.persona_id, n.speaker_id, n.user_id, $5, n.role, q.new_id, t.new_id,
    n.variant_index,
    CASE WHEN n.id = $4 THEN true WHEN n.reply_to_id = $4 THEN n.id = $6 ELSE n.chosen END, n.hidden, n.text, n.verdict,
    n.created_at
FROM new n LEFT JOIN new q ON q.id = n.reply_to_id LEFT JOIN new t ON t.id = n.turn_id ORDER BY n.new_id"""


@dataclass(frozen=True, slots=True)
class SavedChat:
    """A chat of a place. ``note`` is told to its replies, before the last ``note_depth`` messages.

    ``verdict`` is that on the name; others than the author see an unchecked one by its number only.
    """

    id: int
    conversation_id: int
    epoch: int
    persona_id: int | None
    author_id: int | None
    name: str
    note: str
    note_depth: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _Source:
    """Where an answer stands that another chat begins with."""

    persona_id: int
    epoch: int
    said_id: int


@dataclass(frozen=True, slots=True)
class ListedChat:
    """A chat in a list, with how many messages it has. ``open``: what is said there now belongs to it."""

    id: int
    author_id: int | None
    name: str
    verdict: Verdict
    persona: str
    messages: int
    open: bool


@dataclass(frozen=True, slots=True)
class SaidMessage:
    """A message of a chat, or a variant of one: the variants of an answer have the same ``turn``. ``name`` said it.

    ``hidden``: a person has hidden it.
    """

    id: int
    turn: int
    role: str
    chosen: bool
    hidden: bool
    text: str
    created_at: datetime
    name: str


class ExportChat(JobParameters):
    """Write a chat with ``persona`` as a file: the one of the conversation that was open then (``epoch``)."""

    type: ClassVar[str] = "export_chat"
    persona: int
    epoch: int
    form: Literal["jsonl", "md"] = "jsonl"

    def links(self) -> Links:
        """Return the persona."""
        return Links(persona_id=self.persona)


async def listed(conversation_id: int) -> list[ListedChat]:
    """Return the chats of a place, the open one first, then by when they were begun."""
    return await fetch(
        ListedChat,
        "SELECT s.id, s.author_id, s.name, s.verdict, s.epoch = c.epoch AS open, coalesce((SELECT p.name "
        f"FROM personas p WHERE p.id = {_TALKS}), '') AS persona, "
        "(SELECT count(*) FROM chat_messages m WHERE m.conversation_id = c.id AND m.epoch = s.epoch "
        "AND m.state = 'ready' AND m.chosen AND m.role IN ('user', 'persona')) AS messages "
        "FROM saved_chats s JOIN conversations c ON c.id = s.conversation_id "
        "WHERE s.conversation_id = $1 ORDER BY s.epoch <> c.epoch, s.id",
        conversation_id,
    )


async def get(account_id: int, chat_id: int) -> SavedChat | None:
    """Return a chat of an account; None if there is none."""
    return await fetch_one(
        SavedChat,
        f"SELECT {columns(SavedChat, 's')} FROM saved_chats s JOIN conversations c ON c.id = s.conversation_id "
        "WHERE s.id = $2 AND c.account_id = $1",
        account_id, chat_id,
    )  # fmt: skip


async def said(conversation_id: int, persona_id: int, epoch: int) -> list[SaidMessage]:
    """Return what was said in a chat, oldest first: all variants of a persona's answers, of people what was not undone.

    Of the newest `MOST_SAID` messages.
    """
    return await fetch(
        SaidMessage,
        f"SELECT {columns(SaidMessage)} FROM (SELECT m.id, coalesce(m.reply_to_id, m.id) AS turn, m.role, m.chosen, "
        "m.hidden AND NOT m.chosen AS hidden, "
        "m.text, m.created_at, CASE m.role WHEN 'user' THEN coalesce((SELECT i.name FROM identities i "
        "JOIN conversations c ON c.platform = i.platform WHERE i.user_id = m.user_id AND c.id = m.conversation_id "
        "LIMIT 1), '') ELSE p.name END AS name FROM chat_messages m "
        "JOIN personas p ON p.id = coalesce(m.speaker_id, m.persona_id) "
        "LEFT JOIN chat_messages s ON s.id = m.reply_to_id WHERE m.conversation_id = $1 AND m.persona_id = $2 "
        "AND m.epoch = $3 AND m.state = 'ready' AND m.verdict <> 'refused' AND m.text <> '' "
        f"AND CASE m.role WHEN 'user' THEN m.chosen ELSE s.chosen END ORDER BY m.id DESC LIMIT {MOST_SAID}) newest "
        "ORDER BY turn, id",
        conversation_id, persona_id, epoch,
    )  # fmt: skip


async def current(conversation: Conversation) -> SavedChat | None:
    """Return the chat that is open in a place, if it is saved."""
    return await of_epoch(conversation.id, conversation.epoch)


async def of_epoch(conversation_id: int, epoch: int) -> SavedChat | None:
    """Return the chat of an epoch of a place, if it is saved."""
    return await fetch_one(
        SavedChat,
        f"SELECT {columns(SavedChat)} FROM saved_chats WHERE conversation_id = $1 AND epoch = $2",
        conversation_id, epoch,
    )  # fmt: skip


async def rename(conversation: Conversation, user_id: int, name: str, verdict: Verdict) -> SavedChat:
    """Name the chat that is open. Raises `LimitReached` if no other can be saved."""
    await _save(conversation, user_id)
    return await _change(conversation, "name = $3, author_id = $4, verdict = $5", name, user_id, verdict)


async def set_note(conversation: Conversation, user_id: int, note: str, depth: int) -> SavedChat:
    """Set the note of the chat that is open, and before how many messages it is told; an empty one takes it away.

    Raises `LimitReached` if no other chat can be saved.
    """
    await _save(conversation, user_id)
    return await _change(conversation, "note = $3, author_id = $4, note_depth = $5", note, user_id, depth)


async def begin(conversation: Conversation, user_id: int, name: str, verdict: Verdict) -> SavedChat:
    """Begin another chat; the one that was open is kept. Raises `LimitReached`, and as `switch`."""
    await _leave(conversation, user_id)
    moved = await row(
        "UPDATE conversations SET epoch = greatest(epoch, last_epoch) + 1, "
        "last_epoch = greatest(epoch, last_epoch) + 1 WHERE id = $1 RETURNING epoch",
        conversation.id,
    )
    assert moved is not None
    return await rename(replace(conversation, epoch=moved["epoch"]), user_id, name, verdict)


async def switch(conversation: Conversation, user_id: int, chat_id: int) -> SavedChat:
    """Open another chat of a place, with the persona who talked there.

    Raises `NotFound` if it is none, is open already, or while an answer is being written.
    """
    found = await fetch_one(
        SavedChat,
        f"SELECT {columns(SavedChat)} FROM saved_chats WHERE id = $1 AND conversation_id = $2",
        chat_id, conversation.id,
    )  # fmt: skip
    if found is None:
        raise NotFound("chat.no_such_chat")
    if found.epoch == conversation.epoch:
        raise NotFound("chat.open_already")
    await _leave(conversation, user_id)
    await rows(
        "UPDATE conversations c SET epoch = $2, last_epoch = greatest(c.epoch, c.last_epoch), persona_id = coalesce("
        "(SELECT id FROM personas p WHERE p.id = $3 AND (p.account_id = c.account_id OR p.account_id IS NULL) "
        "AND p.deleted_at IS NULL), c.persona_id) WHERE id = $1",
        conversation.id, found.epoch, found.persona_id,
    )  # fmt: skip
    await _part(conversation)
    return found


async def branch(conversation: Conversation, user_id: int, reply_id: int) -> SavedChat:
    """Begin another chat that holds what was said up to an answer, itself included, with all variants and the note.

    At most the newest `MOST_BRANCHED` messages of people. Raises `NotFound` if the answer is not here, and as `begin`.
    """
    source = await fetch_one(
        _Source,
        "SELECT r.persona_id, r.epoch, r.reply_to_id AS said_id FROM chat_messages r WHERE r.id = $2 "
        "AND r.conversation_id = $1 AND r.role = 'persona' AND r.state = 'ready' AND r.verdict <> 'refused'",
        conversation.id, reply_id,
    )  # fmt: skip
    if source is None:
        raise NotFound("chat.unknown_message")
    saved = await of_epoch(conversation.id, source.epoch)
    made = await begin(conversation, user_id, "", "checked")
    await rows(_COPY, conversation.id, source.persona_id, source.epoch, source.said_id, made.epoch, reply_id)
    await rows("UPDATE conversations SET persona_id = $2 WHERE id = $1", conversation.id, source.persona_id)
    await _part(conversation)
    if saved is None or not saved.note:
        return made
    here = replace(conversation, epoch=made.epoch)
    return await set_note(here, user_id, saved.note, saved.note_depth)


async def _part(conversation: Conversation) -> None:
    """Let the persona whose chat was opened be alone, if the others were there in another one's chat, without it."""
    await rows(
        "DELETE FROM company m USING conversations c WHERE c.id = $1 AND m.conversation_id = c.id "
        "AND c.persona_id IS DISTINCT FROM $2 "
        "AND NOT EXISTS (SELECT FROM company o WHERE o.conversation_id = c.id AND o.persona_id = c.persona_id)",
        conversation.id, conversation.persona_id,
    )  # fmt: skip


async def _leave(conversation: Conversation, user_id: int) -> None:
    """Save the chat that is open, with who talks there, before another one is."""
    busy = await row(
        "SELECT 1 FROM (SELECT id FROM conversations WHERE id = $1 FOR UPDATE) c JOIN chat_messages m "
        "ON m.conversation_id = c.id AND m.epoch = $2 AND m.state = 'pending' LIMIT 1",
        conversation.id, conversation.epoch,
    )  # fmt: skip
    if busy is not None:
        raise NotFound("chat.being_written")
    await _save(conversation, user_id, empty=False)
    await rows(
        f"UPDATE saved_chats s SET persona_id = {_TALKS} WHERE conversation_id = $1 AND epoch = $2",
        conversation.id, conversation.epoch,
    )  # fmt: skip


async def _save(conversation: Conversation, user_id: int, *, empty: bool = True) -> None:
    """Save the chat that is open, if it is not yet; without ``empty`` only if something was said there."""
    known = await row(
        "SELECT (SELECT count(*) FROM saved_chats WHERE conversation_id = $1) AS n, "
        "EXISTS (SELECT FROM saved_chats WHERE conversation_id = $1 AND epoch = $2) AS saved, "
        "EXISTS (SELECT FROM chat_messages WHERE conversation_id = $1 AND epoch = $2) AS begun",
        conversation.id, conversation.epoch,
    )  # fmt: skip
    assert known is not None
    if known["saved"] or not (empty or known["begun"]):
        return
    if known["n"] >= MOST:
        raise LimitReached("chat.too_many_chats", limit=MOST)
    await rows(
        "INSERT INTO saved_chats (conversation_id, epoch, author_id, verdict) VALUES ($1, $2, $3, 'checked') "
        "ON CONFLICT DO NOTHING",
        conversation.id, conversation.epoch, user_id,
    )  # fmt: skip


async def _change(conversation: Conversation, change: str, *values: str | int) -> SavedChat:
    found = await fetch_one(
        SavedChat,
        f"UPDATE saved_chats SET {change} WHERE conversation_id = $1 AND epoch = $2 RETURNING {columns(SavedChat)}",
        conversation.id, conversation.epoch, *values,
    )  # fmt: skip
    if found is None:
        raise NotFound("chat.no_such_chat")
    return found
