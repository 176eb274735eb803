"""Documents from outside: their text is read in a disposable child process."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from prompts.child import ChildFailed, ChildPool, DisposableChild
from prompts.frames import encode_frame
from workers.decoding.document_limits import DOCUMENT_WALL_S, DocumentLimits, DocumentRefused


@dataclass(frozen=True, slots=True)
class DocumentText:
    """The text of a document, by pages; ``blank`` are the numbers of those without text, from 1."""

    media_type: str
    pages: tuple[str, ...]
    blank: tuple[int, ...]


async def document_text(data: bytes, limits: DocumentLimits) -> DocumentText:
    """Return the text of a PDF or a plain text. At most two are read at a time.

    Raises `DocumentRefused`, for whatever is wrong with it, after `DOCUMENT_WALL_S` seconds of reading at the latest.
    The child is killed if the caller is cancelled.
    """
    if not data or len(data) > limits.bytes:
        raise DocumentRefused("too_long" if data else "empty", f"{len(data)} bytes", limit=limits.characters)
    request = encode_frame({"limits": asdict(limits)}, data)
    try:
        found, _ = await _pool().run(lambda child: child.exchange(request, DOCUMENT_WALL_S))
    except ChildFailed as error:
        raise DocumentRefused("too_costly", str(error)) from error
    if "reason" in found:
        raise DocumentRefused(found["reason"], found["detail"], **found["values"])
    return DocumentText(found["media_type"], tuple(found["pages"]), tuple(found["blank"]))


@lru_cache(maxsize=1)
def _pool() -> ChildPool[DisposableChild]:
    # Not the children of pictures: a picture waits for no book.
    program = Path(__file__).with_name("document_program.py")
    return ChildPool(lambda: DisposableChild(program))
