"""Buttons of the first screen: begin a story, meet somebody."""

from collections.abc import Mapping
from typing import Final

from bot.actions.base import ActionSpec, Arg, FormSpec
from bot.commands.start import begin_any, begin_offered, begin_story, show_home, show_ideas, show_persona
from bot.commands.story import GENRES, PREMISE_LENGTH
from bot.context import Context
from bot.messages import Field
from bot.panels import PANEL_ARGS, pressed_panel
from db.errors import BadInput
from db.permissions import EVERYBODY

ANY: Final = "any"
"""Instead of a genre: all of them."""
_GENRE: Final = Arg("genre", "name")
PREMISE_FORM: Final = FormSpec(
    "start.own_title",
    (
        Field(
            "premise",
            "start.own_field",
            placeholder="start.own_placeholder",
            multiline=True,
            max_length=PREMISE_LENGTH,
        ),
    ),
)


async def home(context: Context, owner: int, opened: int) -> None:
    """Go back to the first screen."""
    await show_home(context, await pressed_panel(context, owner, opened))


async def ideas(context: Context, owner: int, opened: int, genre: str) -> None:
    """Offer premises of a genre."""
    await show_ideas(context, await pressed_panel(context, owner, opened), genre if genre in GENRES else "")


async def begin(context: Context, owner: int, opened: int, premise: str) -> None:
    """Begin the story of an offered premise."""
    await begin_offered(context, await pressed_panel(context, owner, opened), premise)


async def surprise(context: Context, owner: int, opened: int) -> None:
    """Begin a story of the bot's choice."""
    await begin_any(context, await pressed_panel(context, owner, opened))


async def own(context: Context, values: Mapping[str, str], owner: int, opened: int, genre: str) -> None:
    """Begin a story from the person's own words."""
    panel = await pressed_panel(context, owner, opened)
    premise = " ".join(values.get("premise", "").split())
    if not premise:
        raise BadInput("story.premise_empty")
    await begin_story(context, panel, premise, genre if genre in GENRES else "", [], "")


async def check_own(context: Context, owner: int, opened: int, genre: str) -> None:
    """Refuse the form to somebody else."""
    del genre
    await pressed_panel(context, owner, opened)


async def meet(context: Context, owner: int, opened: int, persona: int) -> None:
    """Show a persona."""
    await show_persona(context, await pressed_panel(context, owner, opened), persona)


ACTIONS: Final = (
    ActionSpec("start", home, PANEL_ARGS, permission=EVERYBODY),
    ActionSpec("ideas", ideas, (*PANEL_ARGS, _GENRE), command="story", permission="start"),
    ActionSpec("begin", begin, (*PANEL_ARGS, Arg("premise", "name")), command="story", permission="start"),
    ActionSpec("surprise", surprise, PANEL_ARGS, command="story", permission="start"),
    ActionSpec(
        "own_story", own, (*PANEL_ARGS, _GENRE), form=PREMISE_FORM, check=check_own, command="story", permission="start"
    ),
    ActionSpec("meet", meet, (*PANEL_ARGS, Arg("persona")), command="persona", permission=EVERYBODY),
)
