"""The JSON in a card's file: a JSON file, or a PNG with the card in a text chunk.

PNG: https://www.w3.org/TR/png-3/#11textinfo. The chunk ``ccv3`` (Character Card V3) goes before ``chara`` (V2).
"""

import base64
import binascii
import json
import math
import zlib
from typing import Any, Final, cast

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_MAX_CHUNKS: Final = 20_000
_MAX_TEXT: Final = 16_000_000
"""Bytes of a text chunk, unpacked."""


class NotACard(ValueError):
    """The file is no JSON object, and no PNG that holds one."""


def read_json(data: bytes) -> dict[str, Any]:
    """Return the JSON object in a file. Raises `NotACard`."""
    if data.startswith(_SIGNATURE):
        chunks = _texts(data)
        found = chunks.get("ccv3") or chunks.get("chara")
        if found is None:
            raise NotACard("the picture holds no card")
        try:
            data = base64.b64decode(found, validate=False)
        except binascii.Error as error:
            raise NotACard("the card in the picture is broken") from error
    try:
        value: Any = _storable(json.loads(data.decode("utf-8-sig"), parse_constant=_nothing, parse_float=_finite))
    except (ValueError, RecursionError) as error:
        raise NotACard("it is no JSON") from error
    if not isinstance(value, dict):
        raise NotACard("it is no JSON object")
    return cast("dict[str, Any]", value)


def _nothing(constant: str) -> None:
    """Read ``NaN`` and ``Infinity``, which other programs write and JSON does not know, as null."""
    del constant


def _finite(number: str) -> float | None:
    value = float(number)
    return value if math.isfinite(value) else None


def _storable(value: Any) -> Any:
    """Return JSON without what PostgreSQL cannot store, however deep: NUL and lone surrogates."""
    match value:
        case str():
            return value.replace("\0", "").encode("utf-8", "replace").decode()
        case list():
            return [_storable(each) for each in cast("list[Any]", value)]
        case dict():
            return {_storable(name): _storable(each) for name, each in cast("dict[str, Any]", value).items()}
        case _:
            return value


def _texts(data: bytes) -> dict[str, bytes]:
    """Return the texts of the chunks tEXt and zTXt by their keyword in lower case; broken ends are left out."""
    found: dict[str, bytes] = {}
    at = len(_SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        if at + 8 > len(data):
            break
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        content = data[at + 8 : at + 8 + length]
        at += 12 + length
        keyword, separator, text = content.partition(b"\0")
        if not separator or kind not in {b"tEXt", b"zTXt"} or len(keyword) > 79:
            continue
        if kind == b"zTXt":
            text = _unpacked(text[1:])
        found[keyword.decode("latin-1").lower()] = text
    return found


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _MAX_TEXT)
    except zlib.error:
        return b""
