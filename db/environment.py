"""What every process reads first: the file `.env`, the variables that name proxies, and its settings.

A mistake in any of them is a `BadEnvironment`, whose message names the variable and the cure, never the value.
"""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Final, TypeVar, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsError

ENV_FILE: Final = Path(".env")
PROXIED: Final = ("http", "https")
_PROXY_FORM: Final = "http://proxy.example:3128"
_NO_HOME: Final = "there is no such user's home directory; write the path without ~"
S = TypeVar("S", bound=BaseSettings)


class BadEnvironment(ValueError):
    """A variable or the file `.env` cannot be used; the message is for the operator."""

    loggable = True


def prepare_environment() -> None:
    """Check `.env`, and bring the proxies into the one form that all our clients understand. May be repeated.

    Raises:
        BadEnvironment: one of them cannot be used.
    """
    _check_file(ENV_FILE)
    settle_proxies(os.environ)


def read_settings(kind: type[S]) -> S:
    """Return the settings of a class.

    Raises:
        BadEnvironment: some are invalid; all are named.
    """
    try:
        settings = kind()
    except ValidationError as error:
        problems = error.errors(include_input=False, include_url=False)
        lines = [f"  {_variable(kind, item['loc'])}{item['msg'].removeprefix('Value error, ')}" for item in problems]
    except SettingsError as error:
        lines = [f"  {error}"]
    else:
        lines = [f"  {_name(kind, field)}: {_NO_HOME}" for field, value in settings if not _has_home(value)]
        if not lines:
            return settings
    raise BadEnvironment("These settings cannot be used (see docs/settings.md):\n" + "\n".join(lines)) from None


def variables_of(kind: type[BaseSettings]) -> list[str]:
    """Return the names of the environment variables that a class reads."""
    return [_name(kind, field) for field in kind.model_fields]


def settle_proxies(environment: MutableMapping[str, str]) -> None:
    """Leave of the variables that name proxies `http_proxy` and `https_proxy`, if any, as URLs; `no_proxy` is kept.

    `ALL_PROXY` stands in for a missing one; names are valid in upper case, too. Libraries differ in all of this: some
    ignore `ALL_PROXY`, some fail on `socks://` in it even where it is not needed, some want a scheme.

    Raises:
        BadEnvironment: a proxy that would be used is none that we can use.
    """
    names = sorted(name for name in environment if name.lower() in {"http_proxy", "https_proxy", "all_proxy"})
    # In ascending order lower case comes last, and wins, as in curl.
    found = {name.lower(): name for name in names if environment[name].strip()}
    settled: dict[str, str] = {}
    for scheme in PROXIED:
        name = found.get(f"{scheme}_proxy") or found.get("all_proxy")
        if name is not None:
            settled[f"{scheme}_proxy"] = _proxy(name, environment[name].strip())
    for name in names:
        del environment[name]
    environment.update(settled)


def proxy_for(url: str) -> str | None:
    """Return the proxy for a URL, None for a direct connection; `prepare_environment` comes first."""
    parts = urlsplit(url)
    proxy = getproxies().get({"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme))
    if proxy is None or proxy_bypass(parts.hostname or ""):
        return None
    return proxy


def _proxy(name: str, value: str) -> str:
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in PROXIED and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise BadEnvironment(f"{name} is not the address of a proxy: write it as {_PROXY_FORM}, or unset it.") from None
    if parts.scheme.startswith("socks"):
        for_all = name.lower() == "all_proxy"
        wanted = "HTTPS_PROXY and HTTP_PROXY" if for_all else name
        before = f", which then goes before {name}" if for_all else ""
        raise BadEnvironment(
            f"{name} names a SOCKS proxy, which is not supported: set {wanted} to an HTTP proxy "
            f"({_PROXY_FORM}){before}, or unset {name}."
        )
    if not usable:
        raise BadEnvironment(f"{name} is not the address of a proxy: write it as {_PROXY_FORM}, or unset it.")
    return url


def _check_file(path: Path) -> None:
    try:
        data = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        return
    except OSError as error:
        raise BadEnvironment(f"The file {path.absolute()} cannot be read: {error.strerror}.") from None
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data:
        raise BadEnvironment(
            f"The file {path.absolute()} is UTF-16, as PowerShell's `>` writes it: save it as UTF-8 (in PowerShell: "
            "`Set-Content -Encoding utf8`)."
        )
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadEnvironment(f"The file {path.absolute()} is not UTF-8 (line {line}): save it as UTF-8.") from None


def _has_home(value: object) -> bool:
    """Return whether a path, or each of several, can be read if it begins with ``~``."""
    if isinstance(value, Mapping):
        return all(map(_has_home, cast("Mapping[str, object]", value).values()))
    try:
        return not isinstance(value, Path) or bool(value.expanduser())
    except RuntimeError:
        return False


def _variable(kind: type[BaseSettings], place: tuple[int | str, ...]) -> str:
    """Return the name of the variable at a place in the settings, with a colon; "" if it is not about one."""
    if not place:
        return ""
    field, *inside = map(str, place)
    return ".".join([_name(kind, field), *inside]) + ": "


def _name(kind: type[BaseSettings], field: str) -> str:
    """Return the variable of a field, or of an alias."""
    if (info := kind.model_fields.get(field)) is None:
        return field.upper()
    alias = info.validation_alias or info.alias
    return (alias if isinstance(alias, str) else str(kind.model_config.get("env_prefix") or "") + field).upper()
