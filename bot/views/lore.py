"""Messages about lorebooks."""

import json
from collections.abc import Sequence
from typing import Any, Final

from bot.messages import Attachment, Message
from bot.text.splitting import shortened
from bot.views.base import ViewContext, ViewSpec, turns
from db import lorebooks
from db.errors import NotFound
from db.lorebooks import LISTED_BOOKS, SHOWN_ENTRIES, BookSettings, KeptEntry, KeptLorebook
from db.payloads.lore import LorebookKept, LorebookList, LorebookShown

NAME: Final = 80
"""Characters of a name in a list."""
KEYS: Final = 5
"""Keys of an entry that are shown."""
REFUSED: Final = 10
"""Refused keys that are named."""


async def kept(view: ViewContext, payload: LorebookKept) -> Message:
    """Compose what was read, and which keys are refused."""
    book = await _book(payload.account, payload.user, payload.book, adults=True)
    if book is None:
        return _gone(view, payload.book)
    said = view.words("lore.kept", title=shortened(book.name, NAME), whose=_whose(view, book), entries=book.entries)
    return Message("\n".join([said, *_problems(view, book)]), footer=view.words("lore.kept_footer"), private=True)


async def book_list(view: ViewContext, payload: LorebookList) -> Message:
    """Compose a page of the list of lorebooks."""
    found = await lorebooks.listed(
        view.account_id, payload.owner, adults=payload.adults, most=LISTED_BOOKS + 1, skip=payload.start
    )
    at = (payload.owner, payload.opened)
    buttons = (turns(view, "lore_list", at, payload.start, LISTED_BOOKS, more=len(found) > LISTED_BOOKS),)
    if not found and not payload.start:
        return Message(view.words("lore.none"), private=True, menu=True)
    lines = [
        view.words(
            "lore.line", book=book.id, title=shortened(book.name, NAME), whose=_whose(view, book), entries=book.entries
        )
        for book in found[:LISTED_BOOKS]
    ]
    return Message(
        "\n".join(lines) or view.words("lore.no_more"),
        title=view.words("lore.title"),
        footer=view.words("lore.footer"),
        buttons=tuple(filter(None, buttons)),
        private=True,
        menu=True,
    )


async def book_shown(view: ViewContext, payload: LorebookShown) -> Message:
    """Compose a lorebook: its first entries with their keys, what is refused, and the whole as a file."""
    book = await _book(payload.account, payload.user, payload.book, adults=payload.adults)
    if book is None:
        return _gone(view, payload.book)
    settings, entries = await lorebooks.contents(payload.account, payload.user, payload.book, adults=payload.adults)
    lines = [
        view.words(
            "lore.entry",
            name=shortened(entry.name or view.words("lore.unnamed"), NAME),
            keys=shortened(", ".join(entry.keys[:KEYS]), NAME) or view.words("lore.no_keys"),
        )
        for entry in entries[:SHOWN_ENTRIES]
    ]
    if len(entries) > SHOWN_ENTRIES:
        lines.append(view.words("lore.more_entries", count=len(entries) - SHOWN_ENTRIES))
    data = json.dumps(_exported(settings, entries), ensure_ascii=False, indent=1).encode()
    return Message(
        "\n".join([*lines, *_problems(view, book)]),
        title=shortened(book.name, NAME),
        footer=_whose(view, book),
        attachments=(Attachment.of(data, "application/json", f"lorebook-{book.id}.json"),),
        private=True,
    )


def _exported(settings: BookSettings, entries: Sequence[KeptEntry]) -> dict[str, Any]:
    """Return a lorebook as Character Card V3 writes one by itself; what was not read comes back as it was."""
    book = {
        "extensions": {},
        **settings.more,
        "name": settings.name,
        "recursive_scanning": settings.recursive,
        "entries": [_exported_entry(entry) for entry in entries],
    }
    optional = {"scan_depth": settings.scan_depth, "token_budget": settings.token_budget}
    return {"spec": "lorebook_v3", "data": {**book, **{k: v for k, v in optional.items() if v is not None}}}


def _exported_entry(entry: KeptEntry) -> dict[str, Any]:
    rules = entry.rules
    written = {
        "extensions": {},
        **entry.more,
        "name": entry.name,
        "keys": entry.keys,
        "secondary_keys": entry.secondary_keys,
        "content": entry.content,
        "enabled": rules.get("enabled", True),
        "insertion_order": rules.get("insertion_order", 100),
        "use_regex": rules.get("use_regex", False),
        "constant": rules.get("constant", False),
        "selective": rules.get("selective", False),
        "position": rules.get("position", "before_char"),
    }
    optional = {"priority": rules.get("priority"), "case_sensitive": rules.get("case_sensitive")}
    return {**written, **{name: value for name, value in optional.items() if value is not None}}


def _problems(view: ViewContext, book: KeptLorebook) -> list[str]:
    """Return a line for each of the first regular expressions that cannot be used."""
    if not book.problems:
        return []
    named = [
        view.words("lore.refused", key=each["key"], entry=each["entry"], why=view.words(f"lore.key_{each['problem']}"))
        for each in book.problems[:REFUSED]
    ]
    return ["", view.words("lore.refused_title", count=len(book.problems)), *named]


async def _book(account: int, user: int, book_id: int, *, adults: bool) -> KeptLorebook | None:
    try:
        return await lorebooks.get(account, user, book_id, adults=adults)
    except NotFound:
        return None


def _gone(view: ViewContext, book_id: int) -> Message:
    return Message(view.words("lore.no_book", book=book_id), private=True)


def _whose(view: ViewContext, book: KeptLorebook) -> str:
    return view.words(f"archive.of_{book.kind}", name=shortened(book.about, NAME))


VIEWS: Final = (
    ViewSpec(LorebookKept, kept),
    ViewSpec(LorebookList, book_list),
    ViewSpec(LorebookShown, book_shown),
)
