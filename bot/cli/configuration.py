"""Reading the settings at the entry point, and logging."""

import logging
import sys

from pydantic import ValidationError

from bot.cli.errors import OperatorError
from bot.settings import BotSettings

NOISY_LOGGERS = ("arq", "asyncio", "httpx", "httpcore")
"""Kept at warnings; httpx would log addresses that hold a bot's token."""


def read_settings() -> BotSettings:
    """Read the settings from the environment and `.env`.

    Raises:
        OperatorError: a setting has a value that cannot be used; it is named, its value (perhaps a secret) is not.
    """
    try:
        return BotSettings()
    except ValidationError as error:
        lines = [
            f"  {'.'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        message = "These settings cannot be used (see docs/settings.md):\n" + "\n".join(lines)
        raise OperatorError(message) from None


def set_up_logging(settings: BotSettings, *, quiet: bool = False) -> None:
    """Log to stderr; `quiet` keeps the terminal for the console and lets errors through only."""
    level = logging.ERROR if quiet else logging.getLevelNamesMapping()[settings.storyfork_log_level]
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for name in NOISY_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
