"""What may be written and drawn in a place: the lowest of what the place and the account allow.

A story's or persona's own rating is added where the work is done (`prompts.safety.rating.lowest`).
"""

from bot.context import Context
from bot.locales import DEFAULT, text
from db.accounts import VOUCHED
from prompts.safety.rating import Rating, exceeds, lowest, parse_rating, place_allowance


def label(rating: Rating, language: str = DEFAULT) -> str:
    """Return what people read for a rating."""
    return text(f"rating.level_{rating}", language=language)


def rating_here(context: Context) -> Rating:
    """Return the rating that was chosen for the channel, else the account's."""
    return parse_rating(_chosen(context))


def allowed_here(context: Context) -> Rating:
    """Return the highest rating allowed here: the lower of what the place allows and what was chosen."""
    setting = rating_here(context)
    allowance = _allowance(context, opted_in=setting == "nsfw", ordinary="sfw" if setting == "sfw" else "suggestive")
    return lowest(allowance, setting) if _chosen(context) is not None else allowance


def may_choose(context: Context, rating: Rating) -> bool:
    """Return whether `/rating` may be set to ``rating`` here."""
    return not exceeds(rating, _allowance(context, opted_in=True, ordinary="suggestive"))


def _chosen(context: Context) -> str | None:
    channel = context.who.channel
    if channel is not None and channel.rating:
        return channel.rating
    return context.who.account.settings.get("rating")


def _allowance(context: Context, *, opted_in: bool, ordinary: Rating) -> Rating:
    event = context.event
    return place_allowance(
        adult_channel=event.conversation.adult,
        direct=event.conversation.kind == "dm",
        opted_in=opted_in,
        operator_adult=context.adults,
        vouched=context.who.account.settings.get(VOUCHED) == event.platform,
        ordinary=ordinary,
    )
