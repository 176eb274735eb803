"""The file that is handed in with a command: kept when the command comes in, found again when it runs."""

from typing import Any

from bot.context import Context
from bot.events import Command
from db import uploads
from db.errors import BadInput


async def attached(context: Context) -> int | None:
    """Keep the file attached to a command and return its id; None if there is none. Raises `BadInput`."""
    payload = context.event.payload
    file = payload.file if isinstance(payload, Command) else None
    if file is None:
        return None
    if file.problem:
        raise BadInput(file.problem, **file.values)
    return await uploads.keep(context.account_id, context.user_id, file.name or "file", file.data)


async def handed_in(context: Context, values: dict[str, Any], topic: str) -> tuple[int, str]:
    """Return the id and the name of a command's file.

    Raises `BadInput` with the wording of the ``topic`` if there is none.
    """
    upload = values.get("file")
    name = None if upload is None else await uploads.name_of(context.account_id, context.user_id, upload)
    if upload is None or name is None:
        raise BadInput(f"{topic}.no_file_to_reply" if context.files_by_reply else f"{topic}.no_file")
    return upload, name
