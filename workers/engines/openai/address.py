"""Where a server is, with its credentials kept apart from whatever is shown or logged."""

import base64
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlencode, urlsplit, urlunsplit

_USER_INFO: Final = re.compile(r"(?<=://)[^/\s]*@")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """The root of a server's API. ``url`` holds no credentials: it is the server's name in logs, errors and reports.

    ``user`` and ``password`` are sent as basic authentication, instead of an API key; ``query`` with every request.
    """

    url: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        """Return the URL without credentials."""
        return self.url

    @property
    def authorization(self) -> str:
        """The header ``Authorization`` that the credentials make, "" without any."""
        if not self.user and not self.password:
            return ""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        values = (self.password, *(value for name, value in self.query if not name.lower().endswith("version")))
        words = [form for value in values for form in (value, quote(value, safe=""), quote(value), quote_plus(value))]
        return tuple(dict.fromkeys(word for word in (*words, self.authorization.removeprefix("Basic ")) if word))

    @property
    def with_credentials(self) -> str:
        """The whole URL, for libraries that take nothing else. Secret."""
        url = urlunsplit(urlsplit(self.url)._replace(query=urlencode(self.query)))
        if not self.authorization:
            return url
        return url.replace("://", f"://{quote(self.user, safe='')}:{quote(self.password, safe='')}@", 1)


def parse_address(text: str) -> ServerAddress:
    """Read a URL, with or without ``user:password@`` and a query.

    Raises ValueError, whose message holds no credentials.
    """
    text = text.strip()
    scheme, separator, rest = text.partition("://")
    host = rest.partition("/")[0]
    if "@" not in host and _bad_port(host):
        host = rest  # a "/" in a password
    info, at, _ = host.rpartition("@")
    user, _, password = info.partition(":")
    parts = urlsplit(f"{scheme}://{rest[len(info) + len(at) :]}")
    if not separator or scheme.lower() not in {"http", "https"} or not parts.hostname or _bad_port(parts.netloc):
        hint = " (write @, /, # and % of a password as %40, %2F, %23 and %25)" if "@" in text else ""
        raise ValueError(f"not the URL of a server: {text.rpartition('@')[2].partition('?')[0]!r}{hint}")
    query = tuple(parse_qsl(parts.query, keep_blank_values=True))
    return ServerAddress(urlunsplit(parts._replace(query="")), unquote(user), unquote(password), query)


def read_setting(value: object) -> object:
    """Read the value of a setting; a blank text is None. Raises as `parse_address`."""
    if not isinstance(value, str):
        return value
    return parse_address(value) if value.strip() else None


def without_credentials(text: str) -> str:
    """Return ``text`` without the user names and passwords of the URLs in it."""
    return _USER_INFO.sub("", text)


def _bad_port(netloc: str) -> bool:
    port = netloc.rpartition("]")[2].partition(":")[2]
    return bool(port) and not port.isdecimal()
