"""What the settings say about remote servers: where they are, and what their models cost."""

from dataclasses import dataclass

from workers.engines.openai.address import ServerAddress, parse_address

DEFAULT_PARALLEL = 8
"""Requests that a server is assumed to work on at once."""


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """A server, and the number of requests it works on at once."""

    address: ServerAddress
    parallel: int = DEFAULT_PARALLEL


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens of the prompt, of its part that the server had cached, and of the answer."""

    input: float
    cached: float
    output: float


def parse_servers(text: str) -> tuple[ServerSpec, ...]:
    """Read URLs, comma-separated, each with an optional ``#parallel=16``.

    Raises ValueError, whose message holds no credentials.
    """
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
    address = parse_address(url)
    if not option:
        return ServerSpec(address)
    name, _, number = option.partition("=")
    if name != "parallel" or not number.isdecimal() or int(number) < 1:
        # Not quoted: a "#" in a password, which must be written %23, looks like the beginning of an option.
        raise ValueError("unknown option of a server after # (expected parallel=NUMBER)")
    return ServerSpec(address, int(number))
