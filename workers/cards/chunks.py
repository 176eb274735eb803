"""Texts in the chunks of a PNG, animated ones too, which image libraries read with limits of their own, or not at all.

https://www.w3.org/TR/png-3/#11textinfo. Checksums are not looked at, broken ends are left out: programs that write
cards are careless with them.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
ASSET: Final = "chara-ext-asset_:"
"""How the keyword of a chunk begins that holds a file of the card, in base64."""
CARD_WORDS: Final = ("ccv3", "chara")
"""The keywords of cards, the newer standard first."""
_MAX_CHUNKS: Final = 20_000
_MAX_TEXT: Final = 64_000_000
"""Bytes of a text chunk, unpacked."""
_TEXTS: Final = (b"tEXt", b"iTXt", b"zTXt")
"""In the order in which they are believed where there are several of one keyword."""


@dataclass(frozen=True, slots=True)
class TextChunk:
    """A text: its keyword in lower case (that of a file as it is), and its bytes, unpacked."""

    keyword: str
    text: bytes


def text_chunks(data: bytes) -> list[TextChunk]:
    """Return the texts of a PNG."""
    found: list[tuple[int, TextChunk]] = []
    for kind, content, _ in _chunks(data):
        if kind in _TEXTS and (chunk := _text(kind, content)) is not None:
            found.append((_TEXTS.index(kind), chunk))
    return [chunk for _, chunk in sorted(found, key=lambda each: each[0])]


def without_cards(data: bytes) -> bytes:
    """Return a PNG without the texts that hold a card or its files, whatever kind of chunk they are in."""
    kept = [
        raw
        for kind, content, raw in _chunks(data)
        if kind not in _TEXTS or not _is_card(content.partition(b"\0")[0].decode("latin-1"))
    ]
    return b"".join((SIGNATURE, *kept))


def with_texts(data: bytes, texts: Mapping[str, bytes]) -> bytes:
    """Return a PNG with a tEXt chunk for each of some texts (ASCII), before its end."""
    written: list[bytes] = []
    for keyword, text in texts.items():
        content = keyword.encode("latin-1") + b"\0" + text
        written.append(chunk(b"tEXt", content))
    before = [raw for kind, _, raw in _chunks(data) if kind != b"IEND"]
    return b"".join((SIGNATURE, *before, *written, chunk(b"IEND", b"")))


def plain_picture(width: int, height: int, colour: tuple[int, int, int]) -> bytes:
    """Return a PNG of one colour."""
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\x00\x00\x00"
    line = b"\0" + bytes(colour) * width
    return b"".join(
        (SIGNATURE, chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(line * height)), chunk(b"IEND", b""))
    )


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield kind, content and the whole of each chunk, up to the end of the picture or of the file."""
    at = len(SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(data):
            return
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        yield kind, data[at + 8 : at + 8 + length], data[at : at + 12 + length]
        at += 12 + length
        if kind == b"IEND":
            return


def _text(kind: bytes, content: bytes) -> TextChunk | None:
    word, separator, text = content.partition(b"\0")
    keyword = word.decode("latin-1")
    # A keyword has 79 bytes at most by the standard; the paths of files make longer ones.
    if not separator or (len(word) > 79 and not keyword.startswith(ASSET)):
        return None
    if kind == b"zTXt":
        text = _unpacked(text[1:])
    elif kind == b"iTXt":
        packed, rest = text[:1] == b"\x01", text[2:]
        for _ in ("language", "translated keyword"):
            rest = rest.partition(b"\0")[2]
        text = _unpacked(rest) if packed else rest
    return TextChunk(keyword if keyword.startswith(ASSET) else keyword.strip().lower(), text)


def _is_card(keyword: str) -> bool:
    return keyword.strip().lower() in CARD_WORDS or keyword.startswith(ASSET)


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _MAX_TEXT)
    except zlib.error:
        return b""


def assets_in(chunks: Iterable[TextChunk]) -> dict[str, bytes]:
    """Return the files of a card by their path, still in base64."""
    return {each.keyword.removeprefix(ASSET): each.text for each in chunks if each.keyword.startswith(ASSET)}
