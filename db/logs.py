"""Logs of every process: to standard error, as text or as JSON lines, without words of people.

What people write reaches a log by way of exceptions: their values, and the values in those that they arose from. So
exceptions are shown by their kind and where they arose, with their text only if it is written for logs
(`db.errors.describe`). Code of ours logs ids, numbers and names of its own, and passes exceptions as arguments; a test
reads every call.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Literal, cast

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from db.errors import describe

NOISY_LOGGERS: Final = (
    "arq", "asyncio", "httpcore", "httpcore2", "httpx", "httpx2", "openai",
    "LiteLLM", "LiteLLM Router", "LiteLLM Proxy",
)  # fmt: skip
"""HTTP clients log URLs, with tokens and passwords in them; clients of models log what people wrote."""
CLIENTS: Final = ("aiohttp", "discord", "telegram", "tortoise", "tortoise.db_client")
"""Libraries that log what they send and receive below the level INFO."""
FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class LogSettings(BaseSettings):
    """What the processes log, and how."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8-sig", env_ignore_empty=True, extra="ignore"
    )

    storyfork_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Minimum severity that is logged, by the bot and by workers."
    )
    storyfork_log_format: Literal["text", "json"] = Field(
        default="text",
        description="`json`: one JSON object a line, with `time`, `level`, `logger`, `message` and, for errors, "
        "`exception`.",
    )


class RedactingFormatter(logging.Formatter):
    """Formats records as text, exceptions without values that are not for logs."""

    def __init__(self) -> None:
        """Use `FORMAT`."""
        super().__init__(FORMAT)

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text."""
        return super().format(_redacted(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - the name is logging's
        """Return an exception with those it arose from: where, and what kind."""
        return "\n".join(_lines(ei[1], set())) if ei[1] is not None else ""


class JsonFormatter(RedactingFormatter):
    """Formats records as JSON, one object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line of JSON."""
        record = _redacted(record)
        shown = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            shown["exception"] = self.formatException(record.exc_info)
        return json.dumps(shown, ensure_ascii=False)


def set_up_logging(settings: LogSettings, *, quiet: bool = False) -> None:
    """Log to standard error; ``quiet`` logs errors only, to keep the terminal for the console."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.storyfork_log_format == "json" else RedactingFormatter())
    level = logging.ERROR if quiet else logging.getLevelNamesMapping()[settings.storyfork_log_level]
    logging.basicConfig(level=level, handlers=[handler])
    quiet_libraries()
    sys.excepthook = _log_end


def quiet_libraries() -> None:
    """Limit `NOISY_LOGGERS` to warnings and `CLIENTS` to information, whatever level the process logs at."""
    for names, level in ((NOISY_LOGGERS, logging.WARNING), (CLIENTS, logging.INFO)):
        for name in names:
            logging.getLogger(name).setLevel(max(level, logging.getLogger().level))


def _log_end(kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
    """Log what ends the process as everything else is logged; Python itself would write its values."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, frames)
        return
    logging.getLogger(__name__).critical("the process ends", exc_info=(kind, error, frames))


def _redacted(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy of a record in whose arguments exceptions are described."""
    copy = logging.makeLogRecord(record.__dict__)
    copy.exc_text = None  # another handler may have cached it, with all values
    if isinstance(copy.msg, BaseException):
        copy.msg = describe(copy.msg)
    args = copy.args
    if isinstance(args, dict):
        copy.args = {key: _shown(value) for key, value in args.items()}
    elif isinstance(args, tuple):
        copy.args = tuple(_shown(value) for value in args)
    return copy


def _shown(value: object) -> object:
    return describe(value) if isinstance(value, BaseException) else value


def _lines(error: BaseException, seen: set[int]) -> list[str]:
    seen.add(id(error))
    found: list[str] = []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and id(cause) not in seen:
        found += [*_lines(cause, seen), "", "which led to:", ""]
    if error.__traceback__ is not None:
        found.append("Traceback (most recent call last):")
        found += [line.rstrip("\n") for line in traceback.format_tb(error.__traceback__)]
    found.append(describe(error))
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        for number, each in enumerate(group.exceptions, 1):
            if id(each) not in seen:
                found += [f"  {line}" for line in (f"{number}:", *_lines(each, seen))]
    return found
