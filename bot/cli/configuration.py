"""Reading the settings at the entry point, and logging."""

import logging
import sys
from typing import TypeVar

from pydantic_settings import BaseSettings

from bot.cli.errors import OperatorError
from bot.limit_settings import LimitSettings
from bot.settings import BotSettings
from db import environment
from db.log_levels import quiet_libraries

S = TypeVar("S", bound=BaseSettings)


def read_settings() -> BotSettings:
    """Read the settings from the environment and `.env`, and bring the proxies into one form.

    Raises:
        OperatorError: something there cannot be used; the message names it but not its value, which may be a secret.
    """
    try:
        environment.prepare_environment()
    except environment.BadEnvironment as error:
        raise OperatorError(str(error)) from None
    read(LimitSettings)  # the bot reads them itself; what is wrong with them is better said now
    return read(BotSettings)


def read(kind: type[S]) -> S:
    """Return the settings of a class.

    Raises:
        OperatorError: some are invalid; all are named.
    """
    try:
        return environment.read_settings(kind)
    except environment.BadEnvironment as error:
        raise OperatorError(str(error)) from None


def set_up_logging(settings: BotSettings, *, quiet: bool = False) -> None:
    """Log to stderr; `quiet` logs errors only, to keep the terminal for the console."""
    level = logging.ERROR if quiet else logging.getLevelNamesMapping()[settings.storyfork_log_level]
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    quiet_libraries()
