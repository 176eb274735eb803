"""Pictures as neutral messages."""

from collections.abc import Callable
from typing import Literal

from bot import messages
from bot.buttons import Action, Verb
from bot.messages import Attachment, Button, FileContent, Message, OutgoingPicture
from db import pictures
from db.errors import NotFound
from db.pictures import Picture

Words = Callable[..., str]
_ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


def picture_message(picture: Picture, words: Words) -> Message:
    """Return a picture with what can be done with it."""

    def button(verb: Verb, style: messages.ButtonStyle = "secondary") -> Button:
        return Button(words(f"button.{verb}"), Action(verb, (picture.id,)).pack(), word=verb, style=style)

    larger = (button("upscale"),) if picture.kind != "upscaled" else ()
    return Message(
        "",
        footer=words("picture.footer", seed=picture.seed, width=picture.width, height=picture.height),
        buttons=(
            (button("redraw"), button("vary"), button("change"), *larger),
            (button("prompt"), button("file"), button("erase", "danger")),
        ),
        pictures=(_shown(picture),),
    )


def file_message(picture: Picture, words: Words) -> Message:
    """Return a picture's best file."""
    footer = words("picture.footer", seed=picture.seed, width=picture.width, height=picture.height)
    return Message("", footer=footer, attachments=(_original(picture),))


def prompt_message(picture: Picture, words: Words) -> Message:
    """Return what a picture was drawn from, for the person who asks."""
    lines = [picture.prompt]
    if picture.negative:
        lines.append(words("picture.prompt_negative", negative=picture.negative))
    if picture.lora:
        lines.append(words("picture.prompt_lora", lora=picture.lora))
    how = words(
        "picture.prompt_how",
        style=picture.style or words("picture.default"),
        quality=picture.quality or words("picture.default"),
        seed=picture.seed,
        engine=picture.engine,
    )
    return Message("\n\n".join(lines), title=words("picture.prompt_title"), footer=how, private=True)


def _shown(picture: Picture) -> OutgoingPicture:
    async def load(form: Literal["full", "photo"]) -> FileContent:
        return await _file(picture, form)

    return OutgoingPicture(load, picture.alt, hidden=picture.hidden)


def _original(picture: Picture) -> Attachment:
    async def load() -> FileContent:
        return await _file(picture, "full")

    return Attachment(load, picture.alt, hidden=picture.hidden)


async def _file(picture: Picture, form: Literal["full", "photo"]) -> FileContent:
    found = await pictures.file(picture.id, form)
    if found is None:
        raise NotFound("picture.unknown")
    return FileContent(found.data, found.mime, f"picture-{picture.id}.{_ENDINGS[found.mime]}")
