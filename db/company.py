"""The personas of one conversation, if it has several. Without any of them there, its own persona is alone.

Whose chat it is stays as it was: the persona with whom it began (`db.chats`), also once that one has left.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from db.connection import row, rows
from db.conversations import Conversation
from db.errors import LimitReached, NotFound
from db.personas.library import LIVE, Persona, active
from db.records import columns, fetch

LOOKED_BACK: Final = 100
"""Messages among which it is looked up who spoke last."""
MOST_PEOPLE: Final = 50
"""People whose names are known in a chat: those who spoke last."""


@dataclass(frozen=True, slots=True)
class PresentPersona(Persona):
    """A persona of a conversation. ``when_called``: it answers only where it is called.

    ``spoke`` is the id of what it said last in the open chat; 0 if that is long ago.
    """

    when_called: bool = False
    spoke: int = 0


@dataclass(frozen=True, slots=True)
class Name:
    """The name of somebody in a chat; ``persona``: of a persona's, else of a person's."""

    id: int
    name: str
    persona: bool


async def present(conversation: Conversation) -> list[PresentPersona]:
    """Return the personas of a conversation in the order in which they came: at least one. Raises `NotFound`."""
    found = await fetch(
        PresentPersona,
        f"SELECT {columns(PresentPersona, 'p', without=('when_called', 'spoke'))}, m.when_called, "
        "coalesce((SELECT max(t.id) "
        "FROM (SELECT id, coalesce(speaker_id, persona_id) AS speaker FROM chat_messages WHERE conversation_id = $1 "
        "AND persona_id = $3 AND epoch = $4 AND role = 'persona' AND state <> 'failed' ORDER BY id DESC LIMIT $5) t "
        "WHERE t.speaker = p.id), 0) AS spoke "
        "FROM company m JOIN personas p ON p.id = m.persona_id WHERE m.conversation_id = $1 "
        f"AND {LIVE} AND p.verdict <> 'refused' AND (p.account_id = $2 OR p.account_id IS NULL) ORDER BY m.id",
        conversation.id, conversation.account_id, conversation.persona_id or 0, conversation.epoch, LOOKED_BACK,
    )  # fmt: skip
    if found:
        return found
    return [PresentPersona(**asdict(await active(conversation)))]


async def join(conversation: Conversation, persona_id: int, *, when_called: bool, most: int) -> None:
    """Let a persona that its account may use talk in a conversation, beside those who do.

    One that is there already is changed. Raises `LimitReached` if there are ``most`` (0: no limit).
    """
    # The conversation is locked: of two who come at once, the second counts the first.
    await rows("SELECT id FROM conversations WHERE id = $1 FOR UPDATE", conversation.id)
    here = await present(conversation)
    if persona_id in {each.id for each in here}:
        await _keep(conversation, here)
        await rows(
            "UPDATE company SET when_called = $3 WHERE conversation_id = $1 AND persona_id = $2",
            conversation.id, persona_id, when_called,
        )  # fmt: skip
        return
    if most and len(here) >= most:
        raise LimitReached("company.full", limit=most)
    await _keep(conversation, here)
    await rows(
        "INSERT INTO company (conversation_id, persona_id, when_called) SELECT c.id, p.id, $3 FROM conversations c "
        "JOIN personas p ON p.account_id = c.account_id OR p.account_id IS NULL WHERE c.id = $1 AND p.id = $2 "
        f"AND {LIVE} ON CONFLICT DO NOTHING",
        conversation.id, persona_id, when_called,
    )  # fmt: skip


async def leave(conversation: Conversation, persona_id: int) -> None:
    """Let a persona talk no more in a conversation with several. Raises `NotFound` if it does not, or is alone."""
    await rows("SELECT id FROM conversations WHERE id = $1 FOR UPDATE", conversation.id)
    here = await present(conversation)
    left = [each.id for each in here if each.id != persona_id]
    if len(left) == len(here):
        raise NotFound("company.not_here")
    if not left:
        raise NotFound("company.last", name=here[0].name)
    alone = left == [conversation.persona_id]
    await rows(
        "DELETE FROM company WHERE conversation_id = $1 AND (persona_id = $2 OR $3)", conversation.id, persona_id, alone
    )


async def lead(conversation: Conversation) -> Persona:
    """Return whose a chat is that begins now in a conversation: its own persona, or who came first if that one left."""
    here = await present(conversation)
    first = next((each for each in here if each.id == conversation.persona_id), here[0])
    if conversation.persona_id not in (None, first.id):
        await rows("UPDATE conversations SET persona_id = $2 WHERE id = $1", conversation.id, first.id)
    return first


async def names(conversation_id: int, persona_id: int, epoch: int) -> list[Name]:
    """Return the names of those who have spoken last in a chat or may speak there, people's as they are there."""
    return await fetch(
        Name,
        "WITH said AS (SELECT id, user_id, role, coalesce(speaker_id, persona_id) AS speaker FROM chat_messages "
        "WHERE conversation_id = $1 AND persona_id = $2 AND epoch = $3 ORDER BY id DESC LIMIT 400), "
        "people AS (SELECT user_id, max(id) AS last FROM said WHERE role = 'user' AND user_id IS NOT NULL "
        "GROUP BY user_id ORDER BY last DESC LIMIT $4) "
        "SELECT u.id, coalesce((SELECT i.name FROM identities i JOIN conversations c ON c.platform = i.platform "
        "WHERE i.user_id = u.id AND c.id = $1 LIMIT 1), u.name) AS name, false AS persona "
        "FROM people JOIN users u ON u.id = people.user_id UNION ALL "
        "SELECT p.id, p.name, true FROM personas p WHERE p.id = $2 "
        "OR p.id IN (SELECT speaker FROM said WHERE role = 'persona') "
        "OR p.id IN (SELECT persona_id FROM company WHERE conversation_id = $1)",
        conversation_id, persona_id, epoch, MOST_PEOPLE,
    )  # fmt: skip


async def _keep(conversation: Conversation, here: Sequence[PresentPersona]) -> None:
    """Write down who is there, in their order: until now one was alone."""
    alone = here[0].id
    # Others who were there may have been deleted.
    found = await row(
        "SELECT 1 FROM company WHERE conversation_id = $1 AND persona_id = $2 LIMIT 1", conversation.id, alone
    )
    if found is None:
        await rows("UPDATE conversations SET persona_id = $2 WHERE id = $1", conversation.id, alone)
        await rows("INSERT INTO company (conversation_id, persona_id) VALUES ($1, $2)", conversation.id, alone)
