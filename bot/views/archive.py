"""Messages about the documents of the archive."""

from typing import Final

from bot.messages import Message
from bot.text.moments import past_reference
from bot.text.splitting import shortened
from bot.views.base import ViewContext, ViewSpec, turns
from db.errors import NotFound
from db.memory import documents
from db.memory.documents import LISTED, KeptDocument
from db.payloads.archive import DocumentKept, DocumentList, PassagesFound

TITLE: Final = 80
"""Characters of a title in a list."""


async def kept(view: ViewContext, payload: DocumentKept) -> Message | None:
    """Compose what was read, and which pages have no text."""
    try:
        document = await documents.get(payload.account, payload.user, payload.document, adults=True)
    except NotFound:
        return Message(view.words("archive.no_document", document=payload.document), private=True)
    lines = [view.words("archive.kept", title=document.title, whose=_whose(view, document), pages=payload.pages)]
    if payload.blank:
        lines.append(view.words("archive.blank", pages=payload.blank))
    return Message("\n".join(lines), footer=view.words("archive.kept_footer"), private=True)


async def document_list(view: ViewContext, payload: DocumentList) -> Message:
    """Compose a page of the list of documents."""
    found = await documents.listed(
        view.account_id, payload.owner, adults=payload.adults, most=LISTED + 1, skip=payload.start
    )
    at = (payload.owner, payload.opened)
    buttons = (turns(view, "doc_list", at, payload.start, LISTED, more=len(found) > LISTED),)
    if not found and not payload.start:
        return Message(view.words("archive.none"), private=True, menu=True)
    lines = [
        view.words(
            "archive.line",
            document=document.id,
            title=shortened(document.title, TITLE),
            whose=_whose(view, document),
            passages=document.passages,
        )
        for document in found[:LISTED]
    ]
    return Message(
        "\n".join(lines) or view.words("archive.no_more"),
        title=view.words("archive.title"),
        footer=view.words("archive.footer"),
        buttons=tuple(filter(None, buttons)),
        private=True,
        menu=True,
    )


async def passages_found(view: ViewContext, payload: PassagesFound) -> Message:
    """Compose the passages that fit best."""
    found = await documents.passages(payload.account, payload.user, payload.chunks, adults=payload.adults)
    if not found:
        return Message(view.words("archive.nothing_found"), private=True)
    shown: list[str] = []
    for passage in found:
        title, number = shortened(passage.title, TITLE), passage.document_id
        if passage.book is not None:
            head = view.words("archive.place_lore", title=title, book=passage.book)
        elif passage.feed is not None:
            when = past_reference(passage.said_at, view.words)
            head = view.words("archive.place_feed", title=title, feed=shortened(passage.feed, TITLE), when=when)
        elif passage.page is None:
            head = view.words("archive.place", title=title, document=number)
        else:
            head = view.words("archive.place_page", title=title, page=passage.page, document=number)
        shown.append(f"{head}\n{passage.text}")
    return Message("\n\n".join(shown), title=view.words("archive.found_title"), private=True)


def _whose(view: ViewContext, document: KeptDocument) -> str:
    return view.words(f"archive.of_{document.kind}", name=shortened(document.about, TITLE))


VIEWS: Final = (
    ViewSpec(DocumentKept, kept),
    ViewSpec(DocumentList, document_list),
    ViewSpec(PassagesFound, passages_found),
)
