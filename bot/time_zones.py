"""Time zones: the preference of a person, by the names of the IANA database."""

from typing import Final
from zoneinfo import available_timezones

from bot.context import Context
from bot.messages import Field
from bot.preferences import PreferenceSpec
from db import people
from db.errors import BadInput
from db.permissions import EVERYBODY

NAMES: Final = {name.casefold(): name for name in available_timezones()}
"""All names, by their lower-case form; read at start-up, because it takes hundreds of files."""
NAME_LENGTH: Final = 64


async def time_zone(context: Context) -> str:
    """Return the person's time zone, "" if they have not said."""
    return context.who.user.time_zone


async def set_time_zone(context: Context, value: str) -> None:
    """Set the person's time zone, named in any case, with blanks or underscores. Raises `BadInput`."""
    wanted = "_".join(value.split())
    if wanted and wanted.casefold() not in NAMES:
        raise BadInput("account.zone_unknown", zone=value)
    await people.set_time_zone(context.user_id, NAMES.get(wanted.casefold(), ""))


TIME_ZONE: Final = PreferenceSpec(
    "time_zone",
    "account.zone",
    "person",
    time_zone,
    set_time_zone,
    form=Field(
        "text",
        "account.zone_field",
        placeholder="account.zone_placeholder",
        required=False,
        max_length=NAME_LENGTH,
    ),
    permission=EVERYBODY,
    help="account.zone_help",
)
