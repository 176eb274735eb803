"""CHARX: a zip archive with ``card.json`` at its root and the card's files, possibly behind other bytes (a JPEG).

Character Card V3, "CHARX". Names are ASCII, files are not encrypted; other programs' own files (``x_meta``,
``module.risum``) are kept as they are.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Final

from db.personas.card import MAX_ASSETS
from workers.cards.refusals import CardRefused

EMBEDDED: Final = ("embeded://", "embedded://")
"""How the address of a file in the archive begins: as the standard spells it, and as it is spelt."""
CARD: Final = "card.json"
MAX_UNPACKED: Final = 200_000_000
"""Bytes of all files, unpacked."""
_WHEN: Final = (1980, 1, 1, 0, 0, 0)
"""The time of every file, so that equal cards make equal archives."""


def read_archive(data: bytes, *, most: int = MAX_UNPACKED) -> tuple[bytes, dict[str, bytes]]:
    """Return the card and the other files of an archive by their path, of at most so many bytes.

    Raises `CardRefused`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _files(archive, most)
    except CardRefused:
        raise
    except MemoryError as error:
        raise CardRefused("too_costly") from error
    # `zipfile` raises all kinds of errors on broken files.
    except Exception as error:
        raise CardRefused("broken") from error


def _files(archive: zipfile.ZipFile, most: int) -> tuple[bytes, dict[str, bytes]]:
    listed = [info for info in archive.infolist() if not info.is_dir()]
    if len(listed) > MAX_ASSETS:
        raise CardRefused("too_many", "assets", limit=MAX_ASSETS, count=len(listed))
    files: dict[str, bytes] = {}
    left = most
    for info in listed:
        if info.flag_bits & 1:
            raise CardRefused("encrypted")
        if not _inside(info.filename):
            raise CardRefused("wrong", "assets", name=info.filename[:80])
        with archive.open(info) as packed:
            content = packed.read(left + 1)
        left -= len(content)
        if left < 0:
            raise CardRefused("too_large", limit=most)
        files[info.filename] = content
    card = files.pop(CARD, None)
    if card is None:
        raise CardRefused("no_card")
    return card, files


def write_archive(card: bytes, files: Mapping[str, bytes]) -> bytes:
    """Return an archive of a card and its files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, content in {CARD: card, **files}.items():
            info = zipfile.ZipInfo(path, _WHEN)
            # Pictures and sounds are packed already.
            info.compress_type = zipfile.ZIP_DEFLATED if path.endswith(".json") else zipfile.ZIP_STORED
            archive.writestr(info, content)
    return out.getvalue()


def _inside(path: str) -> bool:
    """Return True for a path that stays below the root of wherever somebody unpacks it."""
    return not path.startswith(("/", "\\")) and "\\" not in path and ".." not in PurePosixPath(path).parts
