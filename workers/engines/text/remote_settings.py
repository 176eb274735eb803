"""What the settings say about remote servers: where they are, and what their models cost."""

from dataclasses import dataclass

DEFAULT_PARALLEL = 8
"""Requests that a server is assumed to work on at once."""


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """A server by the root of its API, and the number of requests it works on at once."""

    url: str
    parallel: int = DEFAULT_PARALLEL


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens of the prompt, of its part that the server had cached, and of the answer."""

    input: float
    cached: float
    output: float


def parse_servers(text: str) -> tuple[ServerSpec, ...]:
    """Read URLs, comma-separated, each with an optional ``#parallel=16``. Raises ValueError."""
    return tuple(_server(part) for part in _parts(text))


def parse_prices(text: str) -> dict[str, Price]:
    """Read ``model=input/output`` or ``model=input/cached/output``, comma-separated, in US dollars per million tokens.

    Raises ValueError with the part that cannot be read.
    """
    table: dict[str, Price] = {}
    for part in _parts(text):
        name, _, numbers = part.rpartition("=")
        try:
            values = [float(number) for number in numbers.split("/")]
        except ValueError:
            values = []
        if not name.strip() or len(values) not in {2, 3} or min(values) < 0:
            raise ValueError(f"no price: {part!r} (expected model=input/output or model=input/cached/output)")
        table[name.strip()] = Price(values[0], values[-2], values[-1])
    return table


def parse_models(text: str) -> dict[str, str]:
    """Read ``role=model``, comma-separated. Raises ValueError."""
    table: dict[str, str] = {}
    for part in _parts(text):
        role, separator, model = (piece.strip() for piece in part.partition("="))
        if not role or not separator or not model:
            raise ValueError(f"no model: {part!r} (expected role=model)")
        table[role] = model
    return table


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _server(text: str) -> ServerSpec:
    url, _, option = text.partition("#")
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"not the URL of a server: {url!r}")
    if not option:
        return ServerSpec(url)
    name, _, number = option.partition("=")
    if name != "parallel" or not number.isdecimal() or int(number) < 1:
        raise ValueError(f"unknown option of a server: {option!r} (expected parallel=NUMBER)")
    return ServerSpec(url, int(number))
