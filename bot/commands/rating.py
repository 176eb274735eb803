"""`/rating` and `/adults`: what may be written and drawn here."""

from typing import Any, Final

from bot.commands.base import CommandSpec, Parameter
from bot.context import Context
from bot.preferences import PreferenceOption, PreferenceSpec
from bot.ratings import allowed_here, label, may_choose
from db import accounts
from db.errors import NotAllowed
from db.permissions import EVERYBODY
from prompts.safety.rating import RATINGS, Rating, parse_rating


async def rate(context: Context, values: dict[str, Any]) -> None:
    """Set what may be written and drawn here, within what the place allows."""
    level = parse_rating(values["level"])
    await _choose(context, level)
    await context.notice("rating.set", private=False, level=level)


async def _choose(context: Context, level: Rating) -> None:
    if not may_choose(context, level):
        raise NotAllowed("rating.place_refuses")
    await accounts.set_rating(context.account_id, level)
    await context.audit("rating", level)


async def adults(context: Context, values: dict[str, Any]) -> None:
    """Allow adult content in the person's own chat, on the word of the platform, which keeps minors from this."""
    del values
    await _check_adults(context)
    if context.event.conversation.adult is not None:
        await accounts.set_vouched(context.account_id, context.event.platform)
    await accounts.set_rating(context.account_id, "nsfw")
    await context.notice("rating.set", level="nsfw")


async def _check_adults(context: Context) -> None:
    """Raise `NotAllowed` where `/adults` has no effect: elsewhere than in a private chat, or without anybody's word."""
    conversation = context.event.conversation
    if conversation.kind != "dm":
        raise NotAllowed("rating.adults_in_private")
    if conversation.adult is None and not context.adults:
        raise NotAllowed("rating.adults_unknown")


async def read_rating(context: Context) -> str:
    """Return the rating that was chosen, or what holds here as long as none is."""
    return str(context.who.account.settings.get("rating") or allowed_here(context))


async def write_rating(context: Context, value: str) -> None:
    """Set the rating, within what the place allows."""
    await _choose(context, parse_rating(value or "sfw"))


async def rating_options(context: Context) -> list[PreferenceOption]:
    """Return the ratings that may be chosen here."""
    return [PreferenceOption(rating, f"rating.level_{rating}") for rating in RATINGS if may_choose(context, rating)]


PREFERENCES: Final = (
    PreferenceSpec(
        "rating",
        "settings.rating",
        "place",
        read_rating,
        write_rating,
        rating_options,
        permission="settings",
        help="settings.rating_help",
        command="rating",
    ),
)
COMMANDS: Final = (
    CommandSpec(
        "rating",
        "Say what may be written and drawn here",
        rate,
        (Parameter("level", "What may be shown", required=True, choices=tuple((label(r), r) for r in RATINGS)),),
        permission="settings",
        example="sfw",
    ),
    CommandSpec(
        "adults",
        "Allow content for adults in your own chat",
        adults,
        age_restricted=True,
        permission=EVERYBODY,
        check=_check_adults,
    ),
)
