"""The language of stories: a person's, and that of a place."""

from typing import Final

from bot.context import Context
from bot.panels import private_chat
from bot.preferences import PreferenceOption, PreferenceSpec
from db import accounts, people
from db.errors import BadInput
from db.permissions import EVERYBODY
from prompts.languages import LANGUAGES

_DEFAULT: Final = "en"


def story_language(context: Context) -> str:
    """Return the language of stories that name none: the channel's, the place's, the person's, or their app's."""
    if context.who.channel is not None and context.who.channel.language:
        return context.who.channel.language
    place = "" if private_chat(context) else str(context.who.account.settings.get(accounts.LANGUAGE) or "")
    return place or context.who.user.story_language or context.language.partition("-")[0] or _DEFAULT


async def read_own(context: Context) -> str:
    """Return the language that the person has chosen, "" if none."""
    return context.who.user.story_language


async def write_own(context: Context, value: str) -> None:
    """Set the person's language. Raises `BadInput`."""
    await people.set_story_language(context.user_id, _known(value))


async def own_options(context: Context) -> list[PreferenceOption]:
    """Return the languages for a person."""
    del context
    return _options("settings.language_usual")


async def read_place(context: Context) -> str:
    """Return the language that the place has chosen, "" if none."""
    return await accounts.chosen_language(context.account_id)


async def write_place(context: Context, value: str) -> None:
    """Set the place's language. Raises `BadInput`."""
    await accounts.choose_language(context.account_id, _known(value))


async def place_options(context: Context) -> list[PreferenceOption]:
    """Return the languages for a place."""
    del context
    return _options("settings.language_each")


async def is_a_place(context: Context) -> bool:
    """Return whether this is a place: in a private chat the person's own language counts."""
    return not private_chat(context)


def _options(usual: str) -> list[PreferenceOption]:
    return [PreferenceOption("", usual), *(PreferenceOption(tag, name) for tag, name in LANGUAGES.items())]


def _known(value: str) -> str:
    if value and value not in LANGUAGES:
        raise BadInput("settings.no_value")
    return value


PREFERENCES: Final = (
    PreferenceSpec(
        "language",
        "settings.language",
        "person",
        read_own,
        write_own,
        own_options,
        permission=EVERYBODY,
        help="settings.language_help",
    ),
    PreferenceSpec(
        "place_language",
        "settings.language_place",
        "place",
        read_place,
        write_place,
        place_options,
        permission="settings",
        help="settings.language_place_help",
        available=is_a_place,
    ),
)
