"""The parameters of one request, as the client sent them: query, form, multipart or JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

from aiohttp import BodyPartReader, web

from tests.doubles.telegram.rules import bad_request

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came with a multipart body."""

    filename: str
    content: bytes
    mime_type: str


@dataclass(slots=True)
class Params:
    """Named values with Telegram's reading of them; the readers raise ApiError 400."""

    values: Json = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str | None:
        """A string as sent, None if absent."""
        value = self.values.get(name)
        if value is None or isinstance(value, str):
            return value
        return str(value)

    def integer(self, name: str) -> int | None:
        """A whole number, None if absent or empty."""
        value = self.values.get(name)
        if value is None or value == "":
            return None
        try:
            return int(value)
        except (TypeError, ValueError):
            raise bad_request(f"invalid {name} specified") from None

    def boolean(self, name: str) -> bool:
        """True for true, 1, yes, y and t, as Telegram reads it."""
        value = self.values.get(name)
        return value is True or (isinstance(value, str | int) and str(value).lower() in {"true", "1", "yes", "y", "t"})

    def object(self, name: str, label: str) -> Json | None:
        """A JSON object, None if absent; ``label`` names it in the refusal."""
        value = self._json(name, label)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise bad_request(f"object expected as {label}")
        return cast("Json", value)

    def array(self, name: str, label: str) -> list[Any] | None:
        """A JSON array, None if absent."""
        value = self._json(name, label)
        if value is None:
            return None
        if not isinstance(value, list):
            raise bad_request(f"can't parse {label}: expected an Array")
        return cast("list[Any]", value)

    def _json(self, name: str, label: str) -> Any:
        value = self.values.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise bad_request(f"can't parse {label} JSON object") from None


async def read_params(request: web.Request) -> Params:
    """Reads query and body; a body in JSON, form or multipart encoding."""
    params = Params(values=dict(request.query))
    if request.content_type == "application/json":
        body = await request.read()
        if body:
            try:
                data = json.loads(body)
            except ValueError:
                raise bad_request("can't parse JSON object") from None
            if not isinstance(data, dict):
                raise bad_request("can't parse JSON object")
            params.values.update(cast("Json", data))
    elif request.content_type == "multipart/form-data":
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader) or part.name is None:
                raise bad_request("can't parse multipart body")
            content = bytes(await part.read())
            if part.filename is None:
                params.values[part.name] = content.decode()
            else:
                kind = part.headers.get("Content-Type", "application/octet-stream")
                params.files[part.name] = Upload(part.filename, content, kind)
    else:
        params.values.update({name: value for name, value in (await request.post()).items() if isinstance(value, str)})
    return params
