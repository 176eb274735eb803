"""`/archive …`: documents for stories and personas to look things up in."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final, Literal

from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.commands.persona import complete_persona, persona_meant
from bot.commands.story import complete_story, own_story
from bot.commands.uploaded import attached, handed_in
from bot.context import Context, Enquiry
from bot.moderation import screen
from bot.panels import OpenPanel, fresh_panel, show_panel
from bot.ratings import allowed_here, may_choose
from db.errors import BadInput, NotFound
from db.memory import documents
from db.memory.search import ArchiveFilter, search
from db.payloads.archive import DocumentList, PassagesFound
from db.permissions import EVERYBODY
from db.uploads import ReadDocument

OwnerKind = Literal["person", "persona", "story", "place"]
TITLE_LENGTH: Final = 100
QUERY_LENGTH: Final = 300
FOUND: Final = 5
"""Passages that a search shows."""
DIGITS: Final = 15
OWNERS: Final = (
    ("Only me, in private", "person"),
    ("The persona who talks here, or the one I name", "persona"),
    ("My story here, or the one I name", "story"),
    ("Everybody here", "place"),
)


async def add(context: Context, values: dict[str, Any]) -> None:
    """Have a file read into the archive."""
    upload, name = await handed_in(context, values, "archive")
    title = " ".join(str(values.get("title") or PurePosixPath(name).stem or name).split())[:TITLE_LENGTH]
    await screen(context, title=title)
    owner = await owner_of(context, values)
    if owner.kind in {"persona", "place"}:
        await context.audit("document_add", owner.subject)
    await context.work(
        ReadDocument(
            upload=upload,
            title=title,
            owner=owner.kind,
            persona=owner.persona,
            story=owner.story,
            allowance=allowed_here(context),
        )
    )


@dataclass(frozen=True, slots=True)
class Owner:
    """To what something belongs: the person, the place, a ``persona`` or a ``story``, by its id."""

    kind: OwnerKind
    persona: int | None = None
    story: int | None = None

    @property
    def subject(self) -> str:
        """How the audit log names it."""
        return self.kind if self.persona is None else f"{self.kind} {self.persona}"


async def owner_of(context: Context, values: dict[str, Any]) -> Owner:
    """Return to what something shall belong: to the person, if nothing is said.

    What everybody's writers may be told takes the permission for their prompts. Raises `UserError`.
    """
    persona, story = str(values.get("persona") or "").strip(), str(values.get("story") or "").strip()
    kind: OwnerKind = values.get("for") or ("persona" if persona else "story" if story else "person")
    if (persona and kind != "persona") or (story and kind != "story"):
        raise BadInput("archive.one_owner")
    if kind in {"persona", "place"}:
        context.require("prompts")
    if kind == "persona":
        return Owner(kind, persona=(await persona_meant(context, persona)).id)
    return Owner(kind, story=await own_story(context, story)) if kind == "story" else Owner(kind)


async def show(context: Context, values: dict[str, Any]) -> None:
    """List the documents that the person sees."""
    del values
    await show_documents(context, fresh_panel(context))


async def show_documents(context: Context, panel: OpenPanel, start: int = 0) -> None:
    """List the documents that the person sees, from one on."""
    adults = may_choose(context, "nsfw")
    payload = DocumentList(owner=panel.owner, opened=panel.opened, adults=adults, start=start)
    await show_panel(context, panel, payload)


async def look_up(context: Context, values: dict[str, Any]) -> None:
    """Show the passages of documents and lorebooks that fit some words best."""
    adults = may_choose(context, "nsfw")
    scopes = await documents.readable(context.account_id, context.user_id, adults=adults)
    found = await search(
        context.account_id, scopes, str(values["words"]), limit=FOUND, only=ArchiveFilter(sources=("document", "lore"))
    )
    # What others keep in the same scope is looked up again by who may see it.
    chunks = [hit.id for hit in found]
    payload = PassagesFound(account=context.account_id, user=context.user_id, adults=adults, chunks=chunks)
    await context.say(payload, ordered=False, private=True)


async def remove(context: Context, values: dict[str, Any]) -> None:
    """Delete a document."""
    wanted = number_of(values["document"])
    if wanted is None:
        raise NotFound("archive.no_document", document=str(values["document"])[:60])
    gone = await documents.remove(context.account_id, context.user_id, wanted, moderate=context.may("moderate"))
    if gone.kind != "person":
        await context.audit("document_remove", str(gone.id))
    await context.notice("archive.removed", title=gone.title)


def number_of(text: str) -> int | None:
    """Return the number that a person names something by, as ``#12`` or ``12``; None if that is none."""
    wanted = text.strip().removeprefix("#")
    return int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) <= DIGITS else None


async def complete_document(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest the documents that the person sees, by title."""
    who = await enquiry.who()
    found = await documents.listed(who.account.id, who.user.id, adults=enquiry.adults, search=prefix)
    return [(d.title, f"#{d.id}") for d in found]


OWNER_PARAMETERS: Final = (
    Parameter("title", "What it is called", max_length=TITLE_LENGTH),
    Parameter("for", "Whose it is", choices=OWNERS),
    Parameter("persona", "The persona who knows it", completes=complete_persona),
    Parameter("story", "The story it is about", completes=complete_story),
)
"""What a file is called that is added, and to whom it belongs (`owner_of`)."""
COMMANDS: Final = (
    CommandSpec(
        "archive add",
        "Keep a text, Markdown or PDF file to look things up in",
        add,
        (
            Parameter("file", "The file, at most 10 MB", bytes, accepts="document", store=attached),
            *OWNER_PARAMETERS,
        ),
        permission=EVERYBODY,
    ),
    CommandSpec("archive list", "List the documents that you see here", show, permission=EVERYBODY),
    CommandSpec(
        "archive search",
        "Find passages in the documents and lorebooks here",
        look_up,
        (Parameter("words", "What to look for", required=True, max_length=QUERY_LENGTH),),
        permission=EVERYBODY,
        example="when does the gate open",
    ),
    CommandSpec(
        "archive remove",
        "Delete a document from the archive",
        remove,
        (Parameter("document", "Its number, as the list shows it", required=True, completes=complete_document),),
        permission=EVERYBODY,
        example="#12",
    ),
)
