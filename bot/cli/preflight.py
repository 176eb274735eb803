"""What is checked before anything starts, so that a mistake gives one message instead of a process that dies."""

import errno
import os
import socket
from typing import Final
from urllib.parse import urlsplit

from bot.cli.configuration import read
from bot.cli.errors import OperatorError
from bot.settings import BotSettings
from db.connection import BadDatabaseUrl, credentials
from db.settings import DatabaseSettings

_CURES: Final = {
    errno.EADDRINUSE: (
        "another program listens there (perhaps a second Storyfork). Stop it, or set TELEGRAM_WEBHOOK_PORT to a free "
        "port"
    ),
    errno.EADDRNOTAVAIL: (
        "this machine has no such address. Set TELEGRAM_WEBHOOK_HOST to one of its own, 0.0.0.0 or 127.0.0.1"
    ),
    errno.EACCES: "this user may not listen there. Set TELEGRAM_WEBHOOK_PORT to a port above 1023",
}


def database_url() -> str:
    """Return DATABASE_URL, "" if it is not set.

    Raises:
        OperatorError: it cannot be used.
    """
    url = read(DatabaseSettings).database_url
    try:
        if url:
            credentials(url)
    except BadDatabaseUrl as error:
        raise OperatorError(str(error)) from None
    return url


def redis_url(settings: BotSettings) -> str:
    """Return REDIS_URL, "" if it is not set.

    Raises:
        OperatorError: it cannot be used.
    """
    if not settings.redis_url:
        return ""
    from redis.exceptions import RedisError

    try:
        _check_redis(settings.redis_url)
    except (TypeError, RedisError):
        raise OperatorError(
            "REDIS_URL has parameters behind its question mark that the client library does not take: leave out those "
            "that are not needed."
        ) from None
    except ValueError:
        raise OperatorError(
            "REDIS_URL is not the address of a Redis: write it as redis://:password@host:6379/0, rediss://… or "
            "unix:///path/to/socket; a password with / ? # @ or % in it must be percent-encoded."
        ) from None
    return settings.redis_url


def _check_redis(url: str) -> None:
    """Raise what the client library does, and ValueError for what it would silently misread."""
    # Not imported at the top: it takes a tenth of a command's start.
    import redis.asyncio

    parts = urlsplit(url)
    database = parts.path.strip("/")
    misread = "@" in parts.path + parts.query or parts.fragment or "," in parts.netloc.rpartition("@")[2]
    if parts.scheme != "unix" and (misread or not (database.isdecimal() or not database)):
        raise ValueError
    redis.asyncio.ConnectionPool.from_url(url).make_connection()


def check_webhook(settings: BotSettings) -> None:
    """Check that the webhook can listen where it should.

    Raises:
        OperatorError: it cannot; the message says why and which variable to change.
    """
    if settings.telegram_token is None or settings.telegram_webhook_url is None:
        return
    host, port = settings.telegram_webhook_host, settings.telegram_webhook_port
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(address)
                listener.listen(1)
    except socket.gaierror:
        raise OperatorError(f"TELEGRAM_WEBHOOK_HOST, {host}, is no address of this machine.") from None
    except OSError as error:
        why = _CURES.get(error.errno or 0, os.strerror(error.errno or 0))
        raise OperatorError(f"The webhook of Telegram cannot listen on {host}, port {port}: {why}.") from None
