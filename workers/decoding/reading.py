"""Reads the text of a document: runs in a disposable process only (`workers.decoding.document_program`).

A PDF is told by its first bytes, anything else must be text in UTF-8, or in UTF-16 with a byte order mark. What a PDF
brings besides text (scripts, attachments, links, forms) is not looked at.
"""

import io
import re
from typing import Final

from pypdf import PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError, WrongPasswordError

from workers.decoding.document_limits import DocumentLimits, DocumentRefused

_HEAD: Final = 1024
"""A PDF may begin with so many other bytes (ISO 32000-1, appendix H)."""
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_SPACES: Final = re.compile(r"[ \t]+\n")
_GAPS: Final = re.compile(r"\n{3,}")


def read_document(data: bytes, limits: DocumentLimits) -> tuple[str, list[str]]:
    """Return the media type of a document and the texts of its pages; a text is one page.

    Raises `DocumentRefused`.
    """
    if b"%PDF-" in data[:_HEAD]:
        return "application/pdf", _pages(data, limits)
    text = _tidy(_decoded(data))
    if len(text) > limits.characters:
        raise DocumentRefused("too_long", f"{len(text)} characters", limit=limits.characters)
    if not text:
        raise DocumentRefused("empty", "nothing but white space")
    return "text/plain", [text]


def _decoded(data: bytes) -> str:
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentRefused("not_text", error.reason) from error
    if "\0" in text:
        raise DocumentRefused("not_text", "it has a NUL")
    return text


def _pages(data: bytes, limits: DocumentLimits) -> list[str]:
    try:
        return _read_pages(data, limits)
    except DocumentRefused:
        raise
    except (FileNotDecryptedError, WrongPasswordError, DependencyError) as error:
        raise DocumentRefused("encrypted", type(error).__name__) from error
    except (MemoryError, RecursionError, LimitReachedError) as error:
        raise DocumentRefused("too_costly", type(error).__name__) from error
    # The library raises all kinds of errors on broken files.
    except Exception as error:
        raise DocumentRefused("broken_pdf", type(error).__name__) from error


def _read_pages(data: bytes, limits: DocumentLimits) -> list[str]:
    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        raise DocumentRefused("encrypted", "it wants a password")
    count = len(reader.pages)
    if count > limits.pages:
        raise DocumentRefused("too_many_pages", f"{count} pages", pages=count, limit=limits.pages)
    found: list[str] = []
    characters = 0
    for page in reader.pages:
        text = _tidy(page.extract_text() or "")
        characters += len(text)
        if characters > limits.characters:
            raise DocumentRefused("too_long", f"more than {limits.characters} characters", limit=limits.characters)
        found.append(text)
    if not any(map(has_words, found)):
        raise DocumentRefused("no_text", f"{count} pages", pages=count)
    return found


def has_words(text: str) -> bool:
    """Return whether a page has text: a letter or a digit."""
    return any(character.isalnum() for character in text)


def _tidy(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n\n")
    return _GAPS.sub("\n\n", _SPACES.sub("\n", _CONTROLS.sub("", lines))).strip()
