"""How pictures look where nobody says otherwise: the preferences of a place, and `/story pictures`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter
from bot.commands.picture import NEGATIVE_LENGTH, QUALITY, SIZE, STYLE, draws_somebody, look_of
from bot.commands.story import complete_story, own_story
from bot.context import Context
from bot.messages import Field
from bot.moderation import screen
from bot.preferences import PreferenceOption, PreferenceSpec
from db import picture_looks
from db.picture_looks import PictureLook
from prompts.pictures import PictureQuality, PictureSize, PictureStyle, qualities, sizes, styles

Catalogue = Callable[[], Mapping[str, PictureStyle] | Mapping[str, PictureSize] | Mapping[str, PictureQuality]]


async def look_of_story(context: Context, values: dict[str, Any]) -> None:
    """Set how the pictures of a story look, where something is named, and say how they do."""
    story = await own_story(context, values.get("story") or "")
    negative = " ".join(str(values.get("negative") or "").split())
    await screen(context, negative=negative)
    before = PictureLook() if values.get("reset") else await picture_looks.of_story(context.account_id, story)
    named = look_of(values)
    look = PictureLook(
        named["style"] or before.style,
        named["size"] or before.size,
        named["quality"] or before.quality,
        negative or before.negative,
    )
    await picture_looks.set_story(context.account_id, story, look)
    await context.notice(
        "picture.story_look",
        style=_quoted(look.style),
        size=_quoted(look.size),
        quality=_quoted(look.quality),
        negative=_quoted(look.negative),
    )


def _quoted(value: str) -> str:
    return f"“{value}”" if value else "–"


def _preference(part: str, catalogue: Catalogue) -> PreferenceSpec:
    """Return the preference for a part of a place's look that is one of a list."""

    async def options(context: Context) -> list[PreferenceOption]:
        del context
        known = catalogue().values()
        return [PreferenceOption("", "settings.usual"), *(PreferenceOption(each.key, each.name) for each in known)]

    return PreferenceSpec(
        f"picture_{part}",
        f"settings.picture_{part}",
        "place",
        _reads(part),
        _writes(part),
        options,
        permission="settings",
        help="settings.picture_help",
        available=draws_somebody,
        command="imagine",
    )


def _reads(part: str) -> Callable[[Context], Awaitable[str]]:
    async def read(context: Context) -> str:
        return getattr(picture_looks.in_settings(context.who.account.settings), part)

    return read


def _writes(part: str) -> Callable[[Context, str], Awaitable[None]]:
    async def write(context: Context, value: str) -> None:
        value = " ".join(value.split())
        await screen(context, negative=value)
        await picture_looks.set_account(context.account_id, part, value)

    return write


PREFERENCES: Final = (
    _preference("style", styles),
    _preference("size", sizes),
    _preference("quality", qualities),
    PreferenceSpec(
        "picture_negative",
        "settings.picture_negative",
        "place",
        _reads("negative"),
        _writes("negative"),
        form=Field("value", "settings.picture_negative", required=False, max_length=NEGATIVE_LENGTH, multiline=True),
        permission="settings",
        help="settings.picture_negative_help",
        available=draws_somebody,
        command="imagine",
    ),
)
COMMANDS: Final = (
    CommandSpec(
        "story pictures",
        "Say how the pictures of a story look",
        look_of_story,
        (
            STYLE,
            SIZE,
            QUALITY,
            Parameter("negative", "What they must not show", max_length=NEGATIVE_LENGTH),
            Parameter("reset", "Forget what was chosen for this story", bool),
            Parameter("story", "Which story: its title, or a number of /story list", completes=complete_story),
        ),
        permission="play",
        example="style=watercolour",
    ),
)
