"""Messages of the gallery."""

from typing import Final

from bot.commands.gallery import shown_at
from bot.messages import Button, Message
from bot.text.splitting import shortened
from bot.views.base import ViewContext, ViewSpec
from bot.views.picture import TYPED, outgoing_picture
from db import galleries, personas, pictures, stories
from db.errors import NotFound
from db.galleries import Gallery, Hung
from db.payloads.picture import GalleryPanel
from prompts.safety.rating import parse_rating

Rows = tuple[tuple[Button, ...], ...]


async def gallery(view: ViewContext, payload: GalleryPanel) -> Message:
    """Compose a picture of a gallery."""
    shown = Gallery(
        payload.shelf, payload.of, view.account_id, payload.owner, payload.here, shown_at(parse_rating(payload.rating))
    )
    hung = await galleries.at(shown, payload.picture) if payload.picture else None
    found = None if hung is None else await pictures.find(view.account_id, hung.id)
    done = f"*{view.words(payload.done)}*" if payload.done else ""
    private = view.place != "dm"
    if hung is None or found is None:
        body = f"{done}\n{view.words(f'picture.gallery_none_{payload.shelf}')}".strip()
        return Message(body, buttons=(_shelves(view, payload),), private=private, menu=True)
    asks, drops = payload.asks and found.id == payload.picture, payload.moderates or found.user_id == payload.owner
    lines = (done, shortened(found.typed or found.prompt, TYPED), view.words("picture.delete_ask") if asks else "")
    return Message(
        "\n\n".join(filter(None, lines)),
        title=await _title(view, payload),
        footer=view.words("picture.gallery_footer", number=hung.number, count=hung.count, seed=found.seed),
        buttons=_asked(view, payload, hung) if asks else _leafing(view, payload, hung, drops=drops),
        pictures=(outgoing_picture(found),),
        private=private,
        menu=True,
    )


def _asked(view: ViewContext, payload: GalleryPanel, hung: Hung) -> Rows:
    at = (payload.owner, payload.opened, payload.shelf, payload.of, hung.id)
    return ((view.button("g_drop", *at, label="erase", style="danger"), view.button("gallery", *at, label="keep")),)


def _leafing(view: ViewContext, payload: GalleryPanel, hung: Hung, *, drops: bool) -> Rows:
    at = (payload.owner, payload.opened, payload.shelf, payload.of)
    neighbours = (("previous", hung.newer), ("next", hung.older))
    turning = tuple(view.button("gallery", *at, id_, label=label) for label, id_ in neighbours if id_ is not None)
    using = tuple(view.button(verb, hung.id) for verb in ("redraw", "change", "prompt", "file"))
    drop = (view.button("g_ask", *at, hung.id, label="erase", style="danger"),) if drops else ()
    rows = (turning, using, drop, _shelves(view, payload))
    return tuple(row for row in rows if row)


def _shelves(view: ViewContext, payload: GalleryPanel) -> tuple[Button, ...]:
    """Return the buttons to the other galleries."""
    known = (("mine", 0), ("story", payload.story), ("who", payload.persona))
    return tuple(
        view.button("gallery", payload.owner, payload.opened, shelf, of, 0, label=f"gallery_{shelf}")
        for shelf, of in known
        if (of or shelf == "mine") and (shelf, of) != (payload.shelf, payload.of)
    )


async def _title(view: ViewContext, payload: GalleryPanel) -> str:
    """Return whose pictures they are. There are some, so that its name is no secret here."""
    name = ""
    if payload.shelf == "story" and (story := await stories.get(view.account_id, payload.of)) is not None:
        name = story.title or view.words("story.title_unknown")
    elif payload.shelf == "who":
        try:
            name = (await personas.get(view.account_id, payload.of)).name
        except NotFound:
            return view.words("picture.gallery_mine")
    return view.words(f"picture.gallery_{payload.shelf}", name=name)


VIEWS: Final = (ViewSpec(GalleryPanel, gallery),)
