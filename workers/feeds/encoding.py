"""The text of a feed's bytes: by its byte order mark, what the server says, what the feed itself says (RFC 7303)."""

import codecs
import re
from collections.abc import Iterator
from html.entities import html5
from typing import Final

_DECLARED: Final = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']")
_DECLARATION: Final = re.compile(r"^\s*<\?xml.{0,300}?\?>", re.DOTALL)
_MARKS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_NO_XML: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_NAMED: Final = re.compile(r"&([A-Za-z][A-Za-z0-9]{0,30});")
_OF_XML: Final = frozenset({"amp", "lt", "gt", "quot", "apos"})
_AMPERSAND: Final = re.compile(r"&(?!#?[A-Za-z0-9]{1,31};)")


def text_of(data: bytes, charset: str = "") -> str:
    """Return the text of a feed as XML can be read of it: without a declaration, and with entities of HTML replaced.

    ``charset`` is the server's. What is neither in that nor in what the document declares is read as UTF-8, with marks
    for what is none.
    """
    text = _DECLARATION.sub("", _decoded(data, charset), count=1).lstrip("\ufeff \t\r\n")
    return _AMPERSAND.sub("&amp;", _NAMED.sub(_character, _NO_XML.sub("", text)))


def _decoded(data: bytes, charset: str) -> str:
    for name in _candidates(data, charset):
        try:
            return data.decode(name)
        except (UnicodeError, LookupError):
            continue
    return data.decode("utf-8", "replace")


def _candidates(data: bytes, charset: str) -> Iterator[str]:
    yield from (name for mark, name in _MARKS if data.startswith(mark))
    if charset:
        yield charset
    if (declared := _DECLARED.match(data[:500])) is not None:
        yield declared[1].decode()
    yield "utf-8"


def _character(found: re.Match[str]) -> str:
    """Return the character that HTML calls so: XML knows five names only."""
    return found[0] if found[1] in _OF_XML else html5.get(f"{found[1]};", f"&amp;{found[1]};")
