"""Reading the settings at the entry point, and logging."""

import logging
import sys

from pydantic import ValidationError

from bot.cli.errors import OperatorError
from bot.settings import BotSettings
from db.log_levels import quiet_libraries


def read_settings() -> BotSettings:
    """Read the settings from the environment and `.env`.

    Raises:
        OperatorError: a setting is invalid; the message names it but not its value, which may be a secret.
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
    """Log to stderr; `quiet` logs errors only, to keep the terminal for the console."""
    level = logging.ERROR if quiet else logging.getLevelNamesMapping()[settings.storyfork_log_level]
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    quiet_libraries()
