"""Buttons of pictures: draw a page or a chat, draw again, vary, enlarge, change, show prompt or file, delete."""

from collections.abc import Mapping
from typing import Final

from bot.actions.answers import entry
from bot.actions.base import ActionSpec, Arg, FormSpec
from bot.commands.picture import CHANGE, PROMPT_LENGTH, draw_moment, picture_terms
from bot.context import Context
from bot.messages import Field
from bot.moderation import screen
from bot.ratings import allowed_here, rating_here
from db import pictures, stories
from db.errors import NotAllowed, NotFound
from db.payloads.notice import Erase
from db.payloads.picture import PictureDetails, PictureOriginal
from db.permissions import EVERYBODY
from db.pictures import StoredPicture
from db.redrawing import DrawAgain, FromPicture, Upscale, Variations
from db.work import IllustratePage, Imagine
from prompts.safety.rating import exceeds, parse_rating

_PICTURE: Final = (Arg("picture"),)
CHANGE_FORM: Final = FormSpec(
    "form.change_title",
    (
        Field(
            "text",
            "form.change_field",
            placeholder="form.change_placeholder",
            multiline=True,
            max_length=PROMPT_LENGTH,
        ),
    ),
)


async def illustrate(context: Context, page: int) -> None:
    """Draw a page."""
    found = await stories.page(context.account_id, page)
    if found is None or found[1].state != "ready":
        raise NotFound("story.unknown")
    stories.check_owner(found[0], context.user_id, context.acting_for, for_others=context.may("choose_for_others"))
    await context.work(IllustratePage(illustrates=page, **picture_terms(context).model_dump()))


async def moment(context: Context, message: int) -> None:
    """Draw the moment of a persona's reply."""
    await draw_moment(context, message)


async def draw_again(context: Context, picture: int) -> None:
    """Draw the same again with another seed."""
    await _redraw(context, DrawAgain, picture)


async def vary(context: Context, picture: int) -> None:
    """Redraw a picture a little differently."""
    await _redraw(context, Variations, picture)


async def upscale(context: Context, picture: int) -> None:
    """Redraw a picture at twice its size."""
    await _redraw(context, Upscale, picture)


async def change(context: Context, values: Mapping[str, str], picture: int) -> None:
    """Redraw a picture as something else."""
    kept = await _to_redraw(context, picture)
    prompt = " ".join(values.get("text", "").split())
    await screen(context, prompt=prompt)
    order = Imagine(
        prompt=prompt,
        negative=kept.negative,
        lora=kept.lora,
        style=kept.style,
        size=kept.size,
        quality=kept.quality,
        rating=rating_here(context),
        source=kept.id,
        strength=CHANGE / 100,
        **picture_terms(context).model_dump(),
    )
    await context.work(order)


async def show_prompt(context: Context, picture: int) -> None:
    """Show what a picture was drawn from."""
    found = await _allowed(context, picture)
    await context.say(PictureDetails(picture=found.id), ordered=False, private=True)


async def send_file(context: Context, picture: int) -> None:
    """Send a picture's best file."""
    found = await _allowed(context, picture)
    await context.say(PictureOriginal(picture=found.id))


async def erase(context: Context, picture: int) -> None:
    """Delete a picture and its message."""
    for each in await pictures.delete(context.account_id, context.user_id, picture, moderate=context.may("moderate")):
        await context.answer_for(each)
    await context.audit("picture_delete", str(picture))
    await context.change_pressed(Erase())
    await context.notice("picture.deleted")


async def _shown(context: Context, picture_id: int) -> StoredPicture:
    """Return a picture that people here have seen. Raises `NotFound`, also for what somebody else uploaded."""
    picture = await pictures.get(context.account_id, picture_id)
    if picture.kind == "attached" and picture.user_id != context.user_id:
        raise NotFound("picture.unknown")
    return picture


async def _allowed(context: Context, picture_id: int) -> StoredPicture:
    """Return a picture that may be shown here. Raises `NotFound`, and `NotAllowed` beyond the place's rating."""
    picture = await _shown(context, picture_id)
    if exceeds(parse_rating(picture.rating), allowed_here(context)):
        raise NotAllowed("rating.place_refuses")
    return picture


async def _to_redraw(context: Context, picture_id: int) -> StoredPicture:
    """Return a picture that the person may have redrawn: not that of a story in which only others choose."""
    picture = await _shown(context, picture_id)
    if picture.page_id is not None and picture.user_id != context.user_id:
        found = await stories.page(context.account_id, picture.page_id)
        if found is not None:
            stories.check_owner(
                found[0], context.user_id, context.acting_for, for_others=context.may("choose_for_others")
            )
    return picture


async def check_change(context: Context, picture: int) -> None:
    """Refuse the form for a change of a picture that the person may not have redrawn."""
    await _to_redraw(context, picture)


async def _redraw(context: Context, how: type[FromPicture], picture_id: int) -> None:
    picture = await _to_redraw(context, picture_id)
    await context.work(how(picture=picture.id, **picture_terms(context).model_dump()))


ACTIONS: Final = (
    ActionSpec("picture", illustrate, (Arg("page"),), permission="imagine"),
    ActionSpec("moment", moment, (Arg("message"),), permission="imagine"),
    ActionSpec("redraw", draw_again, _PICTURE, permission="imagine"),
    ActionSpec("vary", vary, _PICTURE, permission="imagine"),
    ActionSpec("upscale", upscale, _PICTURE, permission="imagine"),
    ActionSpec("change", change, _PICTURE, form=CHANGE_FORM, check=check_change, permission="imagine"),
    ActionSpec("prompt", show_prompt, _PICTURE, permission=EVERYBODY),
    ActionSpec("file", send_file, _PICTURE, permission=EVERYBODY),
    ActionSpec("erase", erase, _PICTURE, permission=EVERYBODY),
)
ENTRIES: Final = (entry("picture", "moment", lambda _, found: not found.hidden),)
