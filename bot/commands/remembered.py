"""Which memory a person means, and what they may do with it.

A chat's memory is shown only in its conversation, to those who may talk there; a story's to those who may act in it.
What somebody said or added themselves they may change; what others did, the owner of the story or who may have the
persona forget. In their private chat everything is the person's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.commands import story as story_commands
from bot.commands.base import Parameter
from bot.context import Context
from bot.ratings import allowed_here, may_choose
from db import personas, stories
from db.errors import NotAllowed, NotFound, UserError
from db.memory import memories
from db.memory.memories import MemoryRecord
from db.memory.scopes import ArchiveScope
from db.personas import Persona
from db.stories import Page, Story
from prompts.safety.rating import Rating, lowest, parse_rating

STORY: Final = "story"
OF: Final = Parameter(
    "of", "Whose memory", choices=(("The story that is open here", STORY), ("The chat with the persona", "chat"))
)
"""Says which memory is meant, where it is not the one to which plain text goes."""


@dataclass(frozen=True, slots=True)
class MemoryHere:
    """A memory that the person may see. ``page_id`` is where its ``story`` stands; a chat has neither."""

    record: MemoryRecord
    story: Story | None = None
    page_id: int | None = None
    rating: Rating = "nsfw"

    @property
    def id(self) -> int:
        """The memory's id."""
        return self.record.id

    def allowed(self, context: Context) -> Rating:
        """Return what a text for it may contain."""
        return lowest(self.rating, allowed_here(context))

    def scopes(self) -> Sequence[ArchiveScope]:
        """Return what it has in the archive."""
        record = self.record
        if record.story_id is not None:
            return (ArchiveScope.story(record.story_id),)
        assert record.conversation_id is not None
        assert record.persona_id is not None
        assert record.epoch is not None
        return (ArchiveScope.chat(record.conversation_id, record.persona_id, record.epoch),)

    def may_change(self, context: Context, author: int | None) -> bool:
        """Return whether the person may change or delete what ``author`` said or added (None: a persona or page)."""
        if context.rights.own or (author is not None and author == context.user_id):
            return True
        if self.story is None:
            return context.may("reset")
        owner = self.story.owner_id
        mine = owner is not None and owner in {context.user_id, context.acting_for}
        return mine or context.may("moderate")

    def require_change(self, context: Context, author: int | None = None) -> None:
        """Raise `NotAllowed` unless the person may change what ``author`` said or added."""
        if self.may_change(context, author):
            return
        if self.story is None:
            context.require("reset")
        raise NotAllowed("memory.not_yours")


async def memory_here(context: Context, of: str = "") -> MemoryHere:
    """Return the memory of the story that is open here, or of the chat with the persona, begun if need be.

    ``of`` says which; by default the one to which plain text goes. Raises `NotFound`, `NotAllowed`.
    """
    if _means_story(context, of):
        story, page = await _story_here(context)
        record = await memories.open_story(context.account_id, story.id)
        if record is None:
            raise NotFound("story.unknown")
        return MemoryHere(record, story, _settled(page), parse_rating(story.rating))
    persona = await _persona_here(context)
    record = await memories.open_chat(context.conversation_id, persona.id)
    if record is None:
        raise NotFound("persona.unknown")
    return _of_chat(context, record, persona)


async def check_seen(context: Context) -> None:
    """Raise what `memory_here` would raise for every memory of here."""
    try:
        await (_story_here(context) if _means_story(context, "") else _persona_here(context))
    except UserError:
        if _means_story(context, ""):
            await _persona_here(context)
        elif context.who.conversation.story_id is not None:
            await _story_here(context)
        else:
            raise


async def memory_of(context: Context, memory_id: int) -> MemoryHere:
    """Return a memory by its id. Raises `NotFound` if it is not of here, `NotAllowed`."""
    record = await memories.of_account(context.account_id, memory_id)
    if record is None:
        raise NotFound("memory.unknown")
    if record.story_id is not None:
        story, page = await _story_of(context, record.story_id)
        return MemoryHere(record, story, _settled(page), parse_rating(story.rating))
    conversation = context.who.conversation
    if record.conversation_id != conversation.id or record.epoch != conversation.epoch or record.persona_id is None:
        raise NotFound("memory.unknown")
    context.require("chat")
    return _of_chat(context, record, await personas.get(context.account_id, record.persona_id))


async def memory_of_page(context: Context, page_id: int) -> MemoryHere:
    """Return the memory of a page's story, begun if need be. Raises `NotFound`, `NotAllowed`."""
    found = await stories.page(context.account_id, page_id)
    if found is None:
        raise NotFound("story.unknown")
    story, page = await _story_of(context, found[0].id)
    record = await memories.open_story(context.account_id, story.id)
    if record is None:
        raise NotFound("story.unknown")
    return MemoryHere(record, story, _settled(page), parse_rating(story.rating))


async def _story_of(context: Context, story_id: int) -> tuple[Story, Page]:
    story, page = await stories.at_cursor(
        context.account_id,
        context.user_id,
        story_id,
        acting_for=context.acting_for,
        for_others=context.may("choose_for_others"),
    )
    story_commands.require_shown(context, story)
    return story, page


def _settled(page: Page) -> int | None:
    """Return the last page that is written: of one that is being written, the page before."""
    return page.parent_id if page.state == "pending" else page.id


def _means_story(context: Context, of: str) -> bool:
    conversation = context.who.conversation
    return of == STORY or (not of and conversation.mode == STORY and conversation.story_id is not None)


async def _story_here(context: Context) -> tuple[Story, Page]:
    story, page = await story_commands.here(context)
    story_commands.require_shown(context, story)
    return story, page


async def _persona_here(context: Context) -> Persona:
    context.require("chat")
    return await personas.active(context.who.conversation)


def _of_chat(context: Context, record: MemoryRecord, persona: Persona) -> MemoryHere:
    # It was written for a place that may have been allowed to show more than this one is now.
    if not may_choose(context, record.rating):
        raise NotAllowed("rating.place_refuses")
    return MemoryHere(record, rating=parse_rating(persona.card.get("rating")))
