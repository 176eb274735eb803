"""Messages about character cards."""

from pathlib import PurePosixPath
from typing import Final

from bot.messages import Attachment, FileContent, Message
from bot.views.base import ViewContext, ViewSpec
from db import personas, uploads
from db.errors import NotFound
from db.payloads.cards import CardWritten, PersonaImported
from db.payloads.chats import ChatWritten

_TYPES: Final = {".png": "image/png", ".json": "application/json", ".charx": "application/zip", ".md": "text/markdown"}


async def imported(view: ViewContext, payload: PersonaImported) -> Message | None:
    """Compose what became of a card."""
    try:
        persona = await personas.seen(payload.account, payload.user, payload.persona)
    except NotFound:
        return None
    lines = [view.words("cards.imported", name=persona.name)]
    if payload.entries:
        lines.append(view.words("cards.with_lore", entries=payload.entries))
    if payload.conflicts:
        lines.append(view.words("cards.conflicts", fields=", ".join(payload.conflicts)))
    if payload.newer:
        lines.append(view.words("cards.newer"))
    return Message(
        "\n".join(lines), buttons=((view.button("persona", persona.id, label="talk", style="primary"),),), private=True
    )


async def written(view: ViewContext, payload: CardWritten) -> Message | None:
    """Compose a card as a file."""
    return await written_file(view, payload, "cards.written")


async def written_file(view: ViewContext, payload: CardWritten | ChatWritten, wording: str) -> Message | None:
    """Compose a file that was written for a person, with a wording that takes its name; None if it is gone."""
    name = await uploads.name_of(payload.account, payload.user, payload.upload)
    if name is None:
        return None

    async def load() -> FileContent:
        found = await uploads.get(payload.account, payload.user, payload.upload)
        if found is None:
            raise NotFound("cards.gone")
        return FileContent(found.data, _TYPES.get(PurePosixPath(name).suffix, "application/octet-stream"), name)

    return Message(view.words(wording, name=PurePosixPath(name).stem), attachments=(Attachment(load),), private=True)


async def sent(payload: CardWritten | ChatWritten) -> None:
    """Drop the file."""
    await uploads.drop(payload.upload)


VIEWS: Final = (ViewSpec(PersonaImported, imported), ViewSpec(CardWritten, written, sent=sent))
