"""Files that people send, checked by size, type and name before download.

Names and types are only claims: the reader (`db.pictures`, the importers) verifies the content.
"""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

from bot.events import IncomingFile
from db.errors import BadInput
from db.pictures import ATTACHED_BYTES
from db.uploads import UPLOAD_BYTES

Accepts = Literal["picture", "card", "lore", "chat", "story", "document", "text", "any"]
"""``text`` is the answer to a question, sent as a file."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """The files that a parameter accepts. ``limit`` in bytes; a file matches by media type or file extension.

    Both are empty where any file is accepted.
    """

    limit: int
    types: frozenset[str] = frozenset()
    endings: tuple[str, ...] = ()


_ANY_BYTES: Final = 20_000_000  # the limit of Telegram's getFile
KINDS: Final[dict[Accepts, FileKind]] = {
    "picture": FileKind(
        ATTACHED_BYTES,
        frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"}),
        ("png", "jpg", "jpeg", "webp", "gif"),
    ),
    "card": FileKind(
        _ANY_BYTES,
        frozenset({"image/png", "image/apng", "image/webp", "application/json"}),
        ("png", "apng", "json", "charx", "webp", "jpg", "jpeg", "yaml", "yml"),
    ),
    "lore": FileKind(UPLOAD_BYTES, frozenset({"image/png", "application/json"}), ("json", "png")),
    "chat": FileKind(
        UPLOAD_BYTES,
        frozenset({"application/jsonl", "application/x-ndjson", "application/x-jsonlines", "text/plain"}),
        ("jsonl", "ndjson", "json", "txt"),
    ),
    "story": FileKind(
        10_000_000,
        frozenset({
            "text/plain", "text/markdown", "text/html", "application/json", "application/zip", "application/epub+zip",
        }),
        ("txt", "md", "html", "json", "zip", "epub", "twee"),
    ),
    "document": FileKind(
        UPLOAD_BYTES,
        frozenset({"text/plain", "text/markdown", "application/pdf"}),
        ("txt", "md", "pdf"),
    ),
    "text": FileKind(100_000, frozenset({"text/plain", "text/markdown", "application/json"}), ("txt", "md", "json")),
    "any": FileKind(_ANY_BYTES),
}  # fmt: skip


def fits(accepts: Accepts, name: str, mime: str) -> bool:
    """Return whether a parameter accepts a file of this name and media type."""
    kind = KINDS[accepts]
    ending = PurePosixPath(name).suffix.lower().removeprefix(".")
    return not kind.endings or mime.partition(";")[0].strip().lower() in kind.types or ending in kind.endings


def is_picture(file: IncomingFile | None) -> bool:
    """Return whether a file that came with a text claims to be a picture."""
    return file is not None and fits("picture", file.name, file.mime)


def claimed(accepts: Accepts, name: str, mime: str, size: int, source: str) -> IncomingFile:
    """Return a file that is to be fetched from ``source`` later, or its refusal, by what the platform says of it.

    ``size`` in bytes, 0 if the platform does not say.
    """
    refused = refusal(accepts, name, mime, size)
    return IncomingFile(name=name, mime=mime, source=source) if refused is None else refused


def refusal(accepts: Accepts, name: str, mime: str, size: int) -> IncomingFile | None:
    """Return a refused file with the reason, without downloading it; None if it should be downloaded.

    ``size`` in bytes, 0 if the platform does not say.
    """
    kind = KINDS[accepts]
    if not fits(accepts, name, mime):
        expected = ", ".join(ending.upper() for ending in kind.endings)
        return IncomingFile(name=name, mime=mime, problem="attachment.wrong_type", values={"expected": expected})
    if size > kind.limit:
        return too_big(accepts, name, mime)
    return None


def taken(accepts: Accepts, name: str, mime: str, data: bytes) -> IncomingFile:
    """Return a downloaded file, or its refusal."""
    if len(data) > KINDS[accepts].limit:
        return too_big(accepts, name, mime)
    if not data:
        return IncomingFile(name=name, mime=mime, problem="attachment.empty")
    return IncomingFile(name=name, mime=mime, data=data)


def too_big(accepts: Accepts, name: str = "", mime: str = "") -> IncomingFile:
    """Return a file that is refused for its size."""
    limit = KINDS[accepts].limit / 1_000_000
    return IncomingFile(name=name, mime=mime, problem="attachment.too_big", values={"limit_mb": f"{limit:g}"})


def text_of(file: IncomingFile) -> str:
    """Return the text of a file that was sent as an answer. Raises `BadInput` with what is wrong with it."""
    if file.problem:
        raise BadInput(file.problem, **file.values)
    try:
        text = file.data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise BadInput("attachment.not_text") from e
    if "\0" in text:
        raise BadInput("attachment.not_text")
    return text.replace("\r\n", "\n").strip()
