"""Documents, cards, feeds and chats from outside: they are read in a disposable child process."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from db.errors import Retryable
from db.personas.card import PersonaCard
from prompts.child import ChildFailed, ChildNotStarted, ChildPool, DisposableChild
from prompts.frames import encode_frame
from workers.cards.reading import ReadCard
from workers.cards.refusals import MAX_CARD_BYTES, CardRefused
from workers.decoding.document_limits import DOCUMENT_WALL_S, DocumentLimits, DocumentRefused
from workers.feeds.reading import FeedContents, FeedItem
from workers.imports.chats import ChatRefused


@dataclass(frozen=True, slots=True)
class DocumentText:
    """The text of a document, by pages; ``blank`` are the numbers of those without text, from 1."""

    media_type: str
    pages: tuple[str, ...]
    blank: tuple[int, ...]


async def document_text(data: bytes, limits: DocumentLimits) -> DocumentText:
    """Return the text of a PDF or a plain text. At most two are read at a time.

    Raises `DocumentRefused`, for whatever is wrong with it, after `DOCUMENT_WALL_S` seconds of reading at the latest,
    and `Retryable` if the machine is too busy to begin.
    The child is killed if the caller is cancelled.
    """
    if not data or len(data) > limits.bytes:
        raise DocumentRefused("too_long" if data else "empty", f"{len(data)} bytes", limit=limits.characters)
    found = await _read({"limits": asdict(limits)}, data)
    return DocumentText(found["media_type"], tuple(found["pages"]), tuple(found["blank"]))


async def lorebook_in(data: bytes) -> dict[str, Any]:
    """Return the lorebook in a file, as JSON: ``book``, ``entries``, ``problems`` (`workers.cards.lorebook`).

    Raises `DocumentRefused`, and is cancelled, as `document_text`.
    """
    if not data:
        raise DocumentRefused("empty", "no bytes")
    return await _read({}, data)


async def feed_in(data: bytes, charset: str, *, most: int, characters: int) -> FeedContents:
    """Return the newest ``most`` items of a feed, of each so many characters. ``charset`` is what its server says.

    Raises `DocumentRefused`, and is cancelled, as `document_text`.
    """
    found = await _read({"feed": {"charset": charset, "most": most, "characters": characters}}, data)
    return FeedContents(found["title"], [FeedItem(**each) for each in found["items"]])


async def card_in(data: bytes, *, title: str = "", most: int = MAX_CARD_BYTES) -> ReadCard:
    """Return the card in a file of at most so many bytes; one without a name is called ``title``.

    Raises `CardRefused`, for whatever is wrong with it, and `Retryable`; is cancelled as `document_text`.
    """
    if len(data) > most:
        raise CardRefused("too_large", limit=most, count=len(data))
    try:
        found, rest = await _exchange({"title": title}, data)
    except ChildFailed as error:
        raise CardRefused("too_costly") from error
    if "reason" in found:
        raise CardRefused(found["reason"], found["field"], **found["values"])
    files: dict[str, bytes] = {}
    at = found["picture"]
    for path, length in found["files"]:
        files[path] = rest[at : at + length]
        at += length
    card = PersonaCard.model_validate(found["card"])
    return ReadCard(card, rest[: found["picture"]], files, tuple(found["conflicts"]), found["newer"])


async def chat_in(data: bytes) -> dict[str, Any]:
    """Return the chat in a file, as JSON (`workers.imports.chats.ImportedChat`).

    Raises `ChatRefused`, for whatever is wrong with it, and `Retryable`; is cancelled as `document_text`.
    """
    if not data:
        raise ChatRefused("empty")
    try:
        found, _ = await _exchange({"chat": True}, data)
    except ChildFailed as error:
        raise ChatRefused("too_costly") from error
    if "reason" in found:
        raise ChatRefused(found["reason"], found["line"], **found["values"])
    return found


async def _exchange(request: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    frame = encode_frame(request, data)
    try:
        return await _pool().run(lambda child: child.exchange(frame, DOCUMENT_WALL_S))
    except ChildNotStarted as error:
        raise Retryable("the process that reads documents did not start") from error


async def _read(request: Mapping[str, Any], data: bytes) -> dict[str, Any]:
    try:
        found, _ = await _exchange(request, data)
    except ChildFailed as error:
        raise DocumentRefused("too_costly", str(error)) from error
    if "reason" in found:
        raise DocumentRefused(found["reason"], found["detail"], **found["values"])
    return found


@lru_cache(maxsize=1)
def _pool() -> ChildPool[DisposableChild]:
    # Not the children of pictures: a picture waits for no book.
    program = Path(__file__).with_name("document_program.py")
    return ChildPool(lambda: DisposableChild(program))
