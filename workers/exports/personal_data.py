"""The archive of exported data: JSON with its schema, files as files, in parts of a size that a platform takes.

Each part is a ZIP archive of its own. A file of JSON holds some rows of one table; its form is version `VERSION`, and
`schema.json` in the first part describes it (JSON Schema 2020-12). A column is described by the database itself, so
that a newer release may add some, and takes none away without another version.
"""

import json
import mimetypes
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final

from db.data_exports import ExportedColumn, ExportedRows

VERSION: Final = 1
FORMAT: Final = "storyfork-data"
_MARGIN: Final = 64 * 1024
"""Bytes left free in a part for its table of contents."""
_ENTRY_BYTES: Final = 200
"""What a file takes in a part besides its content, twice its name included."""
_TYPES: Final[Mapping[str, str]] = {
    "bigint": "integer",
    "integer": "integer",
    "smallint": "integer",
    "numeric": "number",
    "double precision": "number",
    "real": "number",
    "boolean": "boolean",
    "text": "string",
    "character varying": "string",
    "uuid": "string",
    "timestamp with time zone": "string",
    "ARRAY": "array",
}
README: Final = """\
Your data
=========

This archive holds {what}, as the bot stored it at {when}.

data/       what is yours alone, a file of JSON for (up to 500) rows of each table
places/     what you wrote and had drawn in groups and servers
files/      pictures and other files; "file" in a row of JSON names them
schema.json what the files of JSON look like (JSON Schema 2020-12), version {version}

Times are in UTC (ISO 8601). A row refers to others by their "id". A file too large for one part stands in it in pieces
named .001, .002 and so on: joined in order (cat, copy /b) they are the file.
The archive comes in parts if it is large. Each part can be opened without the others.
"""


def schema(columns: Sequence[ExportedColumn]) -> dict[str, Any]:
    """Return the JSON Schema of the files of an archive."""
    tables: dict[str, dict[str, Any]] = {}
    for column in columns:
        table = tables.setdefault(column.table, {"type": "object", "properties": {}})
        table["properties"][column.name] = _described(column)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{FORMAT}:{VERSION}",
        "title": "A file of exported data",
        "type": "object",
        "required": ["format", "version", "table", "rows"],
        "properties": {"format": {"const": FORMAT}, "version": {"const": VERSION}, "rows": {"type": "array"}},
        "oneOf": [
            {"properties": {"table": {"const": name}, "rows": {"items": {"$ref": f"#/$defs/{name}"}}}}
            for name in tables
        ],
        "$defs": tables,
    }


def _described(column: ExportedColumn) -> dict[str, Any]:
    if column.type == "bytea":
        return {"type": ["string", "null"], "description": "the name of a file in the archive"}
    found: dict[str, Any] = {}
    if (kind := _TYPES.get(column.type)) is not None:
        found["type"] = [kind, "null"] if column.nullable else kind
    if column.type.startswith("timestamp"):
        found["format"] = "date-time"
    if column.kind is not None:
        found["description"] = column.kind
    return found


class ArchiveWriter:
    """Writes an archive in parts of at most ``limit`` bytes. It blocks: call it in a thread.

    A part is written to a temporary file: memory holds it only once it is complete, until it is taken.

    ``finished`` are the complete parts that nobody took yet, in order.
    """

    def __init__(self, limit: int) -> None:
        """``limit`` is what the platform takes."""
        self._limit = limit - _MARGIN
        self._numbers: dict[str, int] = {}
        self._part: IO[bytes] | None = None
        self._zip: zipfile.ZipFile | None = None
        self._contents = 0
        self.finished: list[bytes] = []

    def add_rows(self, found: ExportedRows) -> None:
        """Write rows, and their bytes as files."""
        table = found.table.removeprefix("public.")
        written: list[dict[str, Any]] = []
        for each in found.rows:
            bytes_ = {name: value for name, value in each.items() if isinstance(value, bytes)}
            which = {name: f"-{name}" if len(bytes_) > 1 else "" for name in bytes_}
            names = {name: f"files/{table}-{each.get('id', '')}{which[name]}{_ending(each)}" for name in bytes_}
            for name, value in bytes_.items():
                self.add(names[name], value)
            written.append(each | names)
        folder = "places" if found.elsewhere else "data"
        number = self._numbers[f"{folder}/{table}"] = self._numbers.get(f"{folder}/{table}", 0) + 1
        content = {"format": FORMAT, "version": VERSION, "table": found.table, "rows": written}
        self.add_json(f"{folder}/{table}-{number:04}.json", content)

    def add_json(self, name: str, content: Any) -> None:
        """Write a file of JSON."""
        self.add(name, json.dumps(content, ensure_ascii=False, indent=1).encode())

    def add(self, name: str, data: bytes) -> None:
        """Write a file, in pieces if it is larger than a part."""
        room = self._limit - _ENTRY_BYTES - 2 * len(name.encode())
        if len(data) <= room:
            self._put(name, data)
            return
        for number, start in enumerate(range(0, len(data), room), 1):
            self._put(f"{name}.{number:03}", data[start : start + room])

    def close(self) -> None:
        """Complete the last part."""
        if self._zip is None or self._part is None:
            return
        self._zip.close()
        with self._part as part:
            part.seek(0)
            self.finished.append(part.read())
        self._zip = self._part = None

    def _put(self, name: str, data: bytes) -> None:
        entry = _ENTRY_BYTES + 2 * len(name.encode())
        if self._part is not None and self._part.tell() + self._contents + entry + len(data) > self._limit:
            self.close()
        if self._zip is None:
            self._part, self._contents = tempfile.TemporaryFile(), 0  # noqa: SIM115 - closed with the part
            self._zip = zipfile.ZipFile(self._part, "w", zipfile.ZIP_DEFLATED)
        # Pictures and sound are compressed already.
        packed = zipfile.ZIP_DEFLATED if name.endswith((".json", ".txt")) else zipfile.ZIP_STORED
        self._zip.writestr(name, data, packed)
        self._contents += entry


def _ending(row: Mapping[str, Any]) -> str:
    mime = str(row.get("mime", ""))
    form = str(row.get("form", ""))
    return (f"-{form}" if form else "") + (mimetypes.guess_extension(mime) or ".bin")
