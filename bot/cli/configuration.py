"""Reading the settings at the entry point."""

from typing import TypeVar

from pydantic_settings import BaseSettings

from bot.cli.errors import OperatorError
from bot.limit_settings import LimitSettings
from bot.settings import BotSettings
from db import environment
from db.agents import FunctionSettings
from db.logs import LogSettings

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
    # Read again where they are needed; what is wrong is better said now.
    for kind in (LimitSettings, LogSettings, FunctionSettings):
        read(kind)
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
