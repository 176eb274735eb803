"""What of the archive a page or a reply is told: of its own way or chat, and of the documents that are there for it.

Nothing is looked up of a past that the prompt has word by word anyway. A persona knows what was said in its own chat,
the documents of the place, its own, and in private those of the person whom it answers: others do not see them.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from db.chats import StoredMessage
from db.memory.scopes import ArchiveScope
from db.memory.search import ArchiveFilter, ChunkSource
from db.memory.told import Held
from workers.context.query import archive_need
from workers.services import Services
from workers.steps.memory.lookup import ArchivePlace, LookedUp, look_up
from workers.steps.memory.told import plot_of

_ALL: Final[Sequence[ChunkSource]] = ("message", "page", "document", "fact")
_DOCUMENTS: Final[Sequence[ChunkSource]] = ("document",)


async def of_way(
    services: Services, held: Held, way: Sequence[int], now: Sequence[str], *, past_is_told: bool
) -> LookedUp:
    """Return what is looked up for the page after ``way``; ``now`` are the action and the last page."""
    if held.account_id is None or held.story_id is None or not (held.documents or (way and not past_is_told)):
        return LookedUp()
    characters = [each["name"] for each in plot_of(held)["characters"]]
    need = archive_need(*now[:2], known=[*characters, *_subjects(held)]) if now else None
    scopes = [ArchiveScope.story(held.story_id), ArchiveScope.place()]
    if held.owner_id is not None:
        scopes.append(ArchiveScope.person(held.owner_id))
    only = ArchiveFilter(pages=way, sources=_DOCUMENTS if past_is_told else _ALL)
    numbers = {page: number for number, page in enumerate(way, 1)}
    return await look_up(services, ArchivePlace(held.account_id, scopes, only, numbers, held.forgotten), need)


async def of_chat(
    services: Services, held: Held, said: StoredMessage, before: Sequence[str], *, past_is_told: bool, speaker: int
) -> LookedUp:
    """Return what is looked up for a persona's reply to ``said``; ``before`` are the texts before it."""
    if held.account_id is None or not (held.documents or not past_is_told):
        return LookedUp()
    need = archive_need(said.text, *before[-1:], known=_subjects(held), now=datetime.now(UTC))
    scopes = [
        ArchiveScope.chat(said.conversation_id, said.persona_id, said.epoch),
        ArchiveScope.persona(speaker),
        ArchiveScope.place(),
    ]
    if held.owner_id is not None:
        scopes.append(ArchiveScope.person(held.owner_id))
    only = ArchiveFilter(before_message=said.id, sources=_DOCUMENTS if past_is_told else _ALL)
    return await look_up(services, ArchivePlace(held.account_id, scopes, only, forgotten=held.forgotten), need)


def with_archived(memories: list[dict[str, Any]], archived: LookedUp) -> list[dict[str, Any]]:
    """Return what is remembered with what was looked up, each fact once."""
    known = {(each["kind"], each["id"]) for each in memories}
    return [*memories, *(each for each in archived.memories if (each["kind"], each["id"]) not in known)]


def _subjects(held: Held) -> list[str]:
    return list(dict.fromkeys(fact.subject for fact in held.facts))
