"""What a card's file holds, told by its first bytes and never by its name: JSON, YAML, or a picture or archive with it.

PNG and animated PNG have the card in a text chunk (`chunks`); ``ccv3`` (Character Card V3) goes before ``chara`` (V2).
CHARX is a zip archive with ``card.json``, possibly behind a JPEG; other JPEGs and WebPs have it as a comment in EXIF.
"""

import base64
import binascii
import io
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

import yaml
from PIL import Image

from prompts.yaml_text import parse_yaml
from workers.cards.archive import EMBEDDED, read_archive
from workers.cards.chunks import CARD_WORDS, SIGNATURE, TextChunk, assets_in, text_chunks, without_cards
from workers.cards.refusals import MAX_JSON_DEPTH, CardRefused

_ZIP: Final = b"PK\x03\x04"
_RAR: Final = b"Rar!"
_ENCRYPTED: Final = b"rcc||"
_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286
_COMMENT_CODES: Final = (b"ASCII\0\0\0", b"UNICODE\0", b"JIS\0\0\0\0\0", b"\0" * 8)
_WRAPPINGS: Final = 3
"""How often a card may be written as a text of JSON, or in base64, within the other."""


@dataclass(frozen=True, slots=True)
class CardFile:
    """What a file holds: the card's JSON, and what an ``older`` standard beside it says.

    ``picture`` is the card's picture as it came, without the card; ``files`` are those of the card by their path.
    """

    root: dict[str, Any]
    older: dict[str, Any] | None = None
    picture: bytes = b""
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])


def read_json(data: bytes) -> dict[str, Any]:
    """Return the JSON object in a file. Raises `CardRefused`."""
    return read_file(data).root


def read_file(data: bytes) -> CardFile:
    """Return what is in a file. Raises `CardRefused`."""
    if not data:
        raise CardRefused("empty")
    if data.startswith(SIGNATURE):
        return _of_png(data)
    if data.startswith(_RAR):
        raise CardRefused("no_card")
    if data.startswith(_ZIP):
        return _of_archive(data)
    if data.startswith((b"\xff\xd8\xff", b"RIFF")):
        # The bytes of a picture may hold the mark of an archive by chance.
        behind = _ZIP in data and zipfile.is_zipfile(io.BytesIO(data))
        return _of_archive(data) if behind else CardFile(_of_comment(data), picture=data)
    root = json_object(_decoded(data))
    if root is None and _ZIP in data:  # an archive that unpacks itself
        return _of_archive(data)
    if root is None:
        raise CardRefused("no_card")
    return CardFile(root, picture=_icon(root, {}))


def _of_png(data: bytes) -> CardFile:
    chunks = text_chunks(data)
    found = [card for word in CARD_WORDS if (card := _first(chunks, word)) is not None]
    if not found:
        raise CardRefused("broken" if any(each.keyword in CARD_WORDS for each in chunks) else "no_card")
    files = {path: _bytes(text) or b"" for path, text in assets_in(chunks).items()}
    return CardFile(found[0], found[1] if len(found) > 1 else None, without_cards(data), files)


def _first(chunks: list[TextChunk], word: str) -> dict[str, Any] | None:
    """Return the first card under a keyword that can be read."""
    for each in chunks:
        if each.keyword == word:
            if each.text.startswith(_ENCRYPTED):
                raise CardRefused("encrypted")
            if (root := json_object(each.text.decode("utf-8", "replace"))) is not None:
                return root
    return None


def _of_archive(data: bytes) -> CardFile:
    card, files = read_archive(data)
    root = json_object(_decoded(card))
    if root is None:
        raise CardRefused("broken", "card.json")
    start = data.find(_ZIP)
    before = data[:start] if start > 0 and data.startswith(b"\xff\xd8\xff") else b""
    return CardFile(root, picture=_icon(root, files) or before, files=files)


def _of_comment(data: bytes) -> dict[str, Any]:
    """Return the card in the comment of a picture's EXIF: JSON, or its bytes as numbers."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "WEBP")) as picture:
            comment = picture.getexif().get_ifd(_EXIF_IFD).get(_USER_COMMENT)
    except Exception as error:  # the library raises all kinds of errors on broken files
        raise CardRefused("no_card") from error
    if isinstance(comment, str):
        comment = comment.encode("latin-1", "replace")
    if not isinstance(comment, bytes):
        raise CardRefused("no_card")
    for code in _COMMENT_CODES:
        comment = comment.removeprefix(code)
    numbers = comment.strip(b" []\0").split(b",")
    if len(numbers) > 1 and all(each.strip().isdigit() and len(each) < 6 and int(each) < 256 for each in numbers):
        comment = bytes(int(each) for each in numbers)
    root = json_object(comment.decode("utf-8", "replace").strip("\0"))
    if root is None:
        raise CardRefused("no_card")
    return root


def json_object(text: str) -> dict[str, Any] | None:
    """Return the object in a text: JSON, possibly in base64 or written twice, or YAML; None if there is none.

    Raises `CardRefused` for one that is too deep.
    """
    value: object = text
    for _ in range(_WRAPPINGS):
        if not isinstance(value, str):
            break
        value = _unwrapped(value)
    if not isinstance(value, dict):
        return None
    return cast("dict[str, Any]", _storable(value, 1))


def _unwrapped(text: str) -> object:
    try:
        return json.loads(text, parse_constant=_nothing, parse_float=_finite)
    except ValueError:
        pass
    except RecursionError as error:
        raise CardRefused("too_deep", limit=MAX_JSON_DEPTH) from error
    if (inner := _bytes(text.encode("utf-8", "replace"))) is not None:
        return inner.decode("utf-8", "replace").removeprefix("\ufeff")
    return _from_yaml(text)


def _from_yaml(text: str) -> object:
    """Return a character of programs that write YAML; no anchors, by which a small file says much."""
    if not text.lstrip().startswith(("name:", "context:", "greeting:", "char_name:")) or "&" in text:
        return None
    try:
        value = parse_yaml(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return cast("object", value) if isinstance(value, dict) else None


def _bytes(text: bytes) -> bytes | None:
    """Return what base64 stands for, with line breaks and without its padding, too."""
    packed = b"".join(text.split())
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True) or None
    except binascii.Error:
        return None


def _decoded(data: bytes) -> str:
    utf16 = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        return ""


def _icon(root: Mapping[str, Any], files: Mapping[str, bytes]) -> bytes:
    """Return the picture of a card: its main icon, else its first."""
    inner = root.get("data")
    assets = cast("Mapping[str, Any]", inner).get("assets") if isinstance(inner, Mapping) else None
    listed = cast("list[object]", assets) if isinstance(assets, list) else []
    icons = [each for each in listed if isinstance(each, dict) and cast("dict[str, Any]", each).get("type") == "icon"]
    for each in sorted(cast("list[dict[str, Any]]", icons), key=lambda icon: icon.get("name") != "main"):
        if (found := _resource(each.get("uri"), files)) is not None:
            return found
    return b""


def _resource(uri: object, files: Mapping[str, bytes]) -> bytes | None:
    """Return what an address within the card stands for; nothing is ever fetched."""
    if not isinstance(uri, str):
        return None
    for scheme in EMBEDDED:
        if uri.startswith(scheme):
            return files.get(uri.removeprefix(scheme))
    head, _, content = uri.partition(",")
    return _bytes(content.encode()) if head.startswith("data:") and head.endswith(";base64") else None


def _nothing(constant: str) -> None:
    """Read ``NaN`` and ``Infinity``, which other programs write and JSON does not know, as null."""
    del constant


def _finite(number: str) -> float | None:
    value = float(number)
    return value if math.isfinite(value) else None


def _storable(value: Any, depth: int) -> Any:
    """Return JSON without what PostgreSQL cannot store, however deep: NUL and lone surrogates.

    Raises `CardRefused` for what is deeper than `MAX_JSON_DEPTH`.
    """
    match value:
        case str():
            return value.replace("\0", "").encode("utf-8", "replace").decode()
        case list() | dict() if depth > MAX_JSON_DEPTH:
            raise CardRefused("too_deep", limit=MAX_JSON_DEPTH)
        case list():
            return [_storable(each, depth + 1) for each in cast("list[Any]", value)]
        case dict():
            items = cast("dict[Any, Any]", value).items()
            return {_storable(str(name), depth): _storable(each, depth + 1) for name, each in items}
        case None | bool() | int() | float():
            return value
        case _:  # YAML has dates
            return str(value)
