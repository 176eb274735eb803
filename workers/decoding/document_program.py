"""The program that reads documents, lorebooks, cards, feeds and chats: a disposable child process, run by path."""

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from prompts.frames import serve_frames
from workers.cards.files import read_json
from workers.cards.lorebook import NotALorebook, read_lorebook
from workers.cards.reading import read_card
from workers.cards.refusals import CardRefused
from workers.decoding.document_limits import (
    DOCUMENT_CPU_S,
    DOCUMENT_MEMORY_BYTES,
    DocumentLimits,
    DocumentProblem,
    DocumentRefused,
)
from workers.decoding.reading import has_words, read_document
from workers.feeds.reading import NoFeed, read_feed
from workers.imports.chats import ChatRefused, read_jsonl


def answer(request: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    """Return what is in a document (``limits``), card (``title``), feed, chat or lorebook, or why it is refused."""
    if "title" in request:
        return _card(data, request["title"])
    if "chat" in request:
        return _chat(data), b""
    try:
        if "feed" in request:
            return _feed(data, request["feed"]), b""
        return (_document(data, DocumentLimits(**request["limits"])) if "limits" in request else _lorebook(data)), b""
    except DocumentRefused as refusal:
        return {"reason": refusal.reason, "detail": refusal.detail, "values": refusal.values}, b""


def _document(data: bytes, limits: DocumentLimits) -> dict[str, Any]:
    """Return the texts of a document's pages, and which have none (from 1)."""
    media_type, pages = read_document(data, limits)
    blank = [number for number, text in enumerate(pages, start=1) if not has_words(text)]
    return {"media_type": media_type, "pages": pages, "blank": blank}


def _feed(data: bytes, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is in a feed."""
    try:
        return asdict(read_feed(data, **wanted))
    except NoFeed as error:
        raise DocumentRefused("not_feed", str(error)) from error
    except (MemoryError, RecursionError) as error:
        raise DocumentRefused("too_costly", type(error).__name__) from error


def _card(data: bytes, title: str) -> tuple[dict[str, Any], bytes]:
    """Return a card, and after it its picture and its files, of which ``files`` has the paths and lengths."""
    try:
        found = read_card(data, title=title)
    except CardRefused as refusal:
        return {"reason": refusal.reason, "field": refusal.field, "values": refusal.values}, b""
    except (MemoryError, RecursionError):
        return {"reason": "too_costly", "field": "", "values": {}}, b""
    told = {
        "card": found.card.stored(),
        "conflicts": found.conflicts,
        "newer": found.newer,
        "picture": len(found.picture),
        "files": [[path, len(content)] for path, content in found.files.items()],
    }
    return told, b"".join((found.picture, *found.files.values()))


def _chat(data: bytes) -> dict[str, Any]:
    """Return a chat, or why it is refused."""
    try:
        return read_jsonl(data).as_json()
    except ChatRefused as refusal:
        return {"reason": refusal.reason, "line": refusal.line, "values": refusal.values}
    except (MemoryError, RecursionError):
        return {"reason": "too_costly", "line": 0, "values": {}}


def _lorebook(data: bytes) -> dict[str, Any]:
    """Return a lorebook: its settings, its entries with what is kept unread of them, and the keys that are refused."""
    try:
        found = read_lorebook(read_json(data))
    except CardRefused as error:
        raise DocumentRefused("not_lore", str(error)) from error
    except NotALorebook as error:
        raise DocumentRefused(cast("DocumentProblem", error.reason), error.reason, **error.values) from error
    except (MemoryError, RecursionError) as error:
        raise DocumentRefused("too_costly", type(error).__name__) from error
    entries = [
        {**entry.model_dump(mode="json", exclude={"id"}), "more": more}
        for entry, more in zip(found.book.entries, found.entries_more, strict=True)
    ]
    book = found.book.model_dump(mode="json", exclude={"id", "entries"})
    return {"book": {**book, "more": found.more}, "entries": entries, "problems": found.problems}


if __name__ == "__main__":
    logging.disable()  # what the library warns of may quote the document
    serve_frames(answer, cpu_s=DOCUMENT_CPU_S, memory_bytes=DOCUMENT_MEMORY_BYTES)
