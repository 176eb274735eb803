"""What a person chooses for their data, as preferences: learning, archive, and how long it is kept."""

from collections.abc import Sequence
from typing import Final

from bot.context import Context
from bot.preferences import PreferenceOption, PreferenceSpec
from db import data_choices
from db.data_choices import KEEP_DAYS
from db.errors import BadInput
from db.permissions import EVERYBODY

_YES_NO: Final = (PreferenceOption("yes", "data.yes"), PreferenceOption("no", "data.no"))


async def _offered(context: Context) -> Sequence[PreferenceOption]:
    del context
    return _YES_NO


async def _times(context: Context) -> Sequence[PreferenceOption]:
    del context
    return (
        PreferenceOption("", "data.always"),
        *(PreferenceOption(str(days), f"data.keep_{days}") for days in KEEP_DAYS),
    )


async def _learning(context: Context) -> str:
    return "yes" if (await data_choices.of_person(context.user_id)).learning else "no"


async def _set_learning(context: Context, value: str) -> None:
    await data_choices.set_learning(context.user_id, value != "no")


async def _archive(context: Context) -> str:
    return "yes" if (await data_choices.of_person(context.user_id)).archive else "no"


async def _set_archive(context: Context, value: str) -> None:
    await data_choices.set_archive(context.user_id, value != "no")


async def _keep(context: Context) -> str:
    days = (await data_choices.of_person(context.user_id)).keep_days
    return str(days) if days else ""


async def _set_keep(context: Context, value: str) -> None:
    if (value and not value.isascii()) or (value and not value.isdigit()):
        raise BadInput("data.bad_days", limit=data_choices.MOST_DAYS)
    await data_choices.set_keep_days(context.user_id, int(value) if value else None)


DATA_PREFERENCES: Final = (
    PreferenceSpec(
        "learning",
        "data.learning",
        "person",
        _learning,
        _set_learning,
        options=_offered,
        help="data.learning_help",
        permission=EVERYBODY,
    ),
    PreferenceSpec(
        "archive",
        "data.archive",
        "person",
        _archive,
        _set_archive,
        options=_offered,
        help="data.archive_help",
        permission=EVERYBODY,
    ),
    PreferenceSpec(
        "keep_days",
        "data.keep",
        "person",
        _keep,
        _set_keep,
        options=_times,
        help="data.keep_help",
        permission=EVERYBODY,
    ),
)
