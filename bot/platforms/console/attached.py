"""Files of this machine that a command names by their path."""

import asyncio
import mimetypes
from pathlib import Path

from bot.commands.base import CommandRegistry
from bot.commands.typed import named_behind
from bot.events import Command, IncomingFile
from bot.files import KINDS, Accepts, refusal, taken


async def with_file(command: Command, registry: CommandRegistry) -> Command:
    """Return a command with the file that it names as an attachment.

    Of a command that is about a file, what is typed behind it is the file's path, as anybody would type it; values by
    their names may follow.
    """
    spec = registry.get(command.name)
    parameter = spec.file if spec is not None else None
    if spec is None or parameter is None:
        return command
    path, rest = command.values.get(parameter.name, ""), command.rest
    if not path and spec.parameters[0] is parameter:
        values, path = named_behind(spec, rest.strip())
        command, rest = command.model_copy(update={"values": {**values, **command.values}}), ""
        if not path:
            missing = IncomingFile(name="", mime="", problem="attachment.no_path", values={"name": command.name})
            return command.model_copy(update={"file": missing})
    if not path:
        return command
    file = await asyncio.to_thread(_read_file, Path(path), parameter.accepts)
    return command.model_copy(update={"file": file, "rest": rest})


def _read_file(path: Path, accepts: Accepts) -> IncomingFile:
    mime = mimetypes.guess_type(path.name)[0] or ""
    missing = IncomingFile(name=path.name, mime=mime, problem="attachment.no_file")
    try:
        path = path.expanduser()
        if not path.is_file():  # a pipe would be waited for
            return missing
        if (refused := refusal(accepts, path.name, mime, path.stat().st_size)) is not None:
            return refused
        with path.open("rb") as file:
            return taken(accepts, path.name, mime, file.read(KINDS[accepts].limit + 1))
    except (OSError, ValueError, RuntimeError):  # what is no path, or begins with the name of nobody: ~nobody
        return missing
