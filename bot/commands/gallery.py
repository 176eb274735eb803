"""`/pictures`: the gallery of a person, a story or a persona."""

from typing import Any, Final, cast, get_args

from bot.commands.base import CommandSpec, Parameter
from bot.commands.persona import complete_persona, persona_meant
from bot.context import Context
from bot.panels import OpenPanel, fresh_panel, show_panel
from bot.ratings import allowed_here
from db import galleries
from db.errors import NotFound
from db.galleries import Gallery, Shelf
from db.payloads.picture import GalleryPanel
from db.permissions import EVERYBODY
from prompts.safety.rating import RATINGS, Rating, exceeds

NEWEST: Final = 2**63 - 1
"""In place of a picture: the newest one."""


async def show_pictures(context: Context, values: dict[str, Any]) -> None:
    """Show the newest picture of the person, of the story here, or of a persona."""
    wanted, name = values.get("of") or "", values.get("persona")
    if name or wanted == "persona":
        await show_gallery(context, fresh_panel(context), "who", (await persona_meant(context, name)).id)
    elif wanted == "story":
        if context.who.conversation.story_id is None:
            raise NotFound("story.none_here")
        await show_gallery(context, fresh_panel(context), "story", context.who.conversation.story_id)
    else:
        await show_gallery(context, fresh_panel(context), "mine", 0)


async def show_gallery(
    context: Context,
    panel: OpenPanel,
    shelf: str,
    of: int,
    picture: int = NEWEST,
    *,
    asks: bool = False,
    done: str = "",
) -> None:
    """Show a picture of a gallery, or the one next to it if it is gone. Raises `NotFound` if there are none.

    After something was ``done`` an empty gallery is shown, too.
    """
    if shelf not in get_args(Shelf):
        raise NotFound("router.old_button")
    here = context.who.conversation
    rating = allowed_here(context)
    gallery = Gallery(
        cast("Shelf", shelf), of, context.account_id, context.user_id, context.conversation_id, shown_at(rating)
    )
    found = await galleries.at(gallery, picture)
    if found is None and not done:
        raise NotFound(f"picture.gallery_none_{shelf}")
    payload = GalleryPanel(
        owner=panel.owner,
        opened=panel.opened,
        shelf=gallery.shelf,
        of=of,
        picture=0 if found is None else found.id,
        here=context.conversation_id,
        rating=rating,
        story=here.story_id or 0,
        persona=here.persona_id or 0,
        asks=asks and found is not None and found.id == picture,
        moderates=context.may("moderate"),
        done=done,
    )
    await show_panel(context, panel, payload)


def shown_at(rating: Rating) -> list[Rating]:
    """Return the ratings of pictures that may be shown where ``rating`` is allowed."""
    return [each for each in RATINGS if not exceeds(each, rating)]


COMMANDS: Final = (
    CommandSpec(
        "pictures",
        "Leaf through pictures, use one again, or delete it",
        show_pictures,
        (
            Parameter(
                "of",
                "Whose pictures",
                choices=(("Mine", "mine"), ("This story's", "story"), ("A persona's", "persona")),
            ),
            Parameter("persona", "The persona's name; by default who talks here", completes=complete_persona),
        ),
        permission=EVERYBODY,
        example="of=persona",
    ),
)
