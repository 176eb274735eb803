"""`/lore …`: lorebooks, whose entries stories and personas are told when their keys are written."""

from pathlib import PurePosixPath
from typing import Any, Final

from bot.commands.archive import OWNER_PARAMETERS, number_of, owner_of
from bot.commands.base import CommandSpec, Parameter, Suggestion
from bot.commands.uploaded import attached, handed_in
from bot.context import Context, Enquiry
from bot.moderation import screen
from bot.panels import OpenPanel, fresh_panel, show_panel
from bot.ratings import allowed_here, may_choose
from db import lorebooks
from db.errors import NotFound
from db.lorebooks import ReadLorebook
from db.payloads.lore import LorebookList, LorebookShown
from db.permissions import EVERYBODY


async def add(context: Context, values: dict[str, Any]) -> None:
    """Have a lorebook read."""
    upload, name = await handed_in(context, values, "lore")
    title = " ".join(str(values.get("title") or "").split())
    await screen(context, title=title or PurePosixPath(name).stem)
    owner = await owner_of(context, values)
    if owner.kind in {"persona", "place"}:
        await context.audit("lore_add", owner.subject)
    await context.work(
        ReadLorebook(
            upload=upload,
            title=title,
            owner=owner.kind,
            persona=owner.persona,
            story=owner.story,
            allowance=allowed_here(context),
        )
    )


async def show_all(context: Context, values: dict[str, Any]) -> None:
    """List the lorebooks that the person sees."""
    del values
    await show_books(context, fresh_panel(context))


async def show_books(context: Context, panel: OpenPanel, start: int = 0) -> None:
    """List the lorebooks that the person sees, from one on."""
    adults = may_choose(context, "nsfw")
    payload = LorebookList(owner=panel.owner, opened=panel.opened, adults=adults, start=start)
    await show_panel(context, panel, payload)


async def show(context: Context, values: dict[str, Any]) -> None:
    """Show a lorebook, and send it as a file."""
    adults = may_choose(context, "nsfw")
    book = await lorebooks.get(context.account_id, context.user_id, _wanted(values), adults=adults)
    payload = LorebookShown(account=context.account_id, user=context.user_id, adults=adults, book=book.id)
    await context.say(payload, ordered=False, private=True)


async def remove(context: Context, values: dict[str, Any]) -> None:
    """Delete a lorebook."""
    gone = await lorebooks.remove(
        context.account_id, context.user_id, _wanted(values), moderate=context.may("moderate")
    )
    if gone.kind != "person":
        await context.audit("lore_remove", str(gone.id))
    await context.notice("lore.removed", title=gone.name)


async def complete_book(enquiry: Enquiry, prefix: str) -> list[Suggestion]:
    """Suggest the lorebooks that the person sees, by name."""
    who = await enquiry.who()
    found = await lorebooks.listed(who.account.id, who.user.id, adults=enquiry.adults, search=prefix)
    return [(book.name, f"#{book.id}") for book in found]


def _wanted(values: dict[str, Any]) -> int:
    found = number_of(values["book"])
    if found is None:
        raise NotFound("lore.no_book", book=str(values["book"])[:60])
    return found


_BOOK: Final = Parameter("book", "Its number, as the list shows it", required=True, completes=complete_book)
COMMANDS: Final = (
    CommandSpec(
        "lore add",
        "Add a lorebook, or the one inside a character card",
        add,
        (
            Parameter("file", "A JSON file, or a card as PNG, at most 10 MB", bytes, accepts="lore", store=attached),
            *OWNER_PARAMETERS,
        ),
        permission=EVERYBODY,
    ),
    CommandSpec("lore list", "List the lorebooks that you see here", show_all, permission=EVERYBODY),
    CommandSpec(
        "lore show", "Show a lorebook, and get it as a file", show, (_BOOK,), permission=EVERYBODY, example="#3"
    ),
    CommandSpec("lore remove", "Delete a lorebook", remove, (_BOOK,), permission=EVERYBODY, example="#3"),
)
