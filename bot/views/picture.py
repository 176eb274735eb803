"""Messages of pictures."""

from typing import Final, Literal

from bot.messages import Attachment, FileContent, Message, OutgoingPicture
from bot.text.splitting import shortened
from bot.views.base import ViewContext, ViewSpec
from db import pictures
from db.errors import NotFound
from db.payloads.picture import PictureDetails, PictureOriginal, PictureReady
from db.pictures import StoredPicture
from prompts.pictures import qualities, styles

TYPED: Final = 500
"""Characters of a person's words under the picture that was drawn from them."""
_ENDINGS: Final = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


async def picture(view: ViewContext, payload: PictureReady) -> Message:
    """Compose a picture with its buttons."""
    found = await pictures.find(view.account_id, payload.picture)
    if found is None:
        return Message(view.words("picture.unknown"))
    typed = view.words("picture.typed", text=shortened(found.typed, TYPED)) if found.typed else ""
    larger = (view.button("upscale", found.id),) if found.kind != "upscaled" else ()
    return Message(
        typed,
        footer=_footer(view, found),
        buttons=(
            (*(view.button(verb, found.id) for verb in ("redraw", "vary", "change")), *larger),
            (
                view.button("prompt", found.id),
                view.button("file", found.id),
                view.button("erase", found.id, style="danger"),
            ),
        ),
        pictures=(outgoing_picture(found),),
    )


async def picture_original(view: ViewContext, payload: PictureOriginal) -> Message:
    """Compose a picture's best file."""
    found = await pictures.find(view.account_id, payload.picture)
    if found is None:
        return Message(view.words("picture.unknown"))
    return Message("", footer=_footer(view, found), attachments=(_original(found),))


async def picture_prompt(view: ViewContext, payload: PictureDetails) -> Message:
    """Compose the prompt of a picture, for the person who asks."""
    found = await pictures.find(view.account_id, payload.picture)
    if found is None:
        return Message(view.words("picture.unknown"), private=True)
    lines = [found.prompt]
    if found.typed:
        lines.insert(0, view.words("picture.typed", text=found.typed))
    if found.negative:
        lines.append(view.words("picture.prompt_negative", negative=found.negative))
    if found.lora:
        lines.append(view.words("picture.prompt_lora", lora=found.lora))
    counts = {"words": len(found.prompt.split()), "tokens": found.tokens}
    parts = [
        *([view.words(f"picture.prompt_by_{found.prompt_source}")] if found.prompt_source else ()),
        view.words("picture.prompt_length" if found.tokens else "picture.prompt_words", **counts),
    ]
    how = view.words(
        "picture.prompt_how",
        style=styles()[found.style].name if found.style in styles() else view.words("picture.default"),
        quality=qualities()[found.quality].name if found.quality in qualities() else view.words("picture.default"),
        seed=found.seed,
        engine=found.engine,
    )
    return Message(
        "\n\n".join(lines),
        title=view.words("picture.prompt_title"),
        footer=" ".join((*parts, how)),
        private=True,
    )


def _footer(view: ViewContext, found: StoredPicture) -> str:
    return view.words("picture.footer", seed=found.seed, width=found.width, height=found.height)


def outgoing_picture(found: StoredPicture) -> OutgoingPicture:
    """Return a stored picture as one to send."""

    async def load(form: Literal["full", "photo"]) -> FileContent:
        return await _file(found, form)

    return OutgoingPicture(load, found.alt, hidden=found.hidden)


def _original(found: StoredPicture) -> Attachment:
    async def load() -> FileContent:
        return await _file(found, "full")

    return Attachment(load, found.alt, hidden=found.hidden)


async def _file(found: StoredPicture, form: Literal["full", "photo"]) -> FileContent:
    file = await pictures.file(found.account_id, found.id, form)
    if file is None:
        raise NotFound("picture.unknown")
    return FileContent(file.data, file.mime, f"picture-{found.id}.{_ENDINGS[file.mime]}")


VIEWS: Final = (
    ViewSpec(PictureReady, picture),
    ViewSpec(PictureOriginal, picture_original),
    ViewSpec(PictureDetails, picture_prompt),
)
