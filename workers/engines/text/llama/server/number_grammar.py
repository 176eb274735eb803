"""Ranges of numbers as grammar: every number that the grammar writes lies between the bounds, digit by digit."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

INTEGER_DIGITS = 15
"""Digits of an integer without bounds."""
NUMBER_DIGITS = 9
"""Digits before the point of a number without bounds."""
FRACTION_DIGITS = 6
"""Digits behind the point, unless a bound has more."""
_EXACT_DIGITS = 15
"""Decimal digits that a double keeps apart."""
_LARGEST = Decimal(10) ** 30


class NoSuchNumber(ValueError):
    """Nothing lies between the bounds."""


class TooManyDigits(ValueError):
    """The bounds are larger or finer than this module writes."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """From ``low`` to ``high``, without them where they are ``open``. None is no bound."""

    low: Decimal | None = None
    high: Decimal | None = None
    low_open: bool = False
    high_open: bool = False

    def __post_init__(self) -> None:
        for bound in (self.low, self.high):
            if bound is not None and not (bound.is_finite() and abs(bound) <= _LARGEST):
                raise TooManyDigits(f"a bound of {bound}")


def integers(bounds: Bounds) -> str:
    """Return the alternatives of all integers within ``bounds``. Raises `NoSuchNumber`."""
    low, high = bounds.low, bounds.high
    first = None if low is None else int(low.to_integral_value(ROUND_CEILING)) + (bounds.low_open and low % 1 == 0)
    last = None if high is None else int(high.to_integral_value(ROUND_FLOOR)) - (bounds.high_open and high % 1 == 0)
    if first is None:
        first = -_beyond(last)
    if last is None:
        last = _beyond(first)
    if first > last:
        raise NoSuchNumber(f"no integer from {first} to {last}")
    ways: list[str] = []
    if first < 0:
        ways += [f'"-" ({" | ".join(_naturals(max(1, -last), -first))})']
    if last >= 0:
        ways += _naturals(max(0, first), last)
    return " | ".join(ways)


def decimals(bounds: Bounds) -> str:
    """Return the alternatives of decimal numbers within ``bounds``, without exponents. Raises `NoSuchNumber`."""
    limit = Decimal(10**NUMBER_DIGITS - 1)
    low = min(-limit, 10 * (bounds.high or limit)) if bounds.low is None else bounds.low
    high = max(limit, 10 * (bounds.low or limit)) if bounds.high is None else bounds.high
    whole = len(str(int(max(abs(low), abs(high)))))
    places = max(_places(low), _places(high), min(FRACTION_DIGITS, _EXACT_DIGITS - whole))
    if whole + places > _EXACT_DIGITS:
        raise TooManyDigits(f"bounds with {whole + places} digits")
    ways: list[str] = []
    # A zero with a sign equals one without: it needs the bounds of both sides.
    if low < 0:
        end = -high if high < 0 else Decimal(0)
        end_open = bounds.high_open if high <= 0 else False
        negative = _positive(end, -low, end_open, bounds.low_open, places)
        ways += [f'"-" ({" | ".join(negative)})'] if negative else []
    if high >= 0:
        start = max(low, Decimal(0))
        start_open = bounds.low_open if low >= 0 else False
        ways += _positive(start, high, start_open, bounds.high_open, places)
    if not ways:
        raise NoSuchNumber(f"no number from {low} to {high}")
    return " | ".join(ways)


def _beyond(bound: int | None) -> int:
    """Return the size of the largest integer that stands in for a missing bound."""
    digits = INTEGER_DIGITS if bound is None else max(INTEGER_DIGITS, len(str(abs(bound))) + 1)
    return 10**digits - 1


def _digit(low: int, high: int) -> str:
    return f"[{low}]" if low == high else f"[{low}-{high}]"


def _any(low: int, high: int) -> str:
    """Return from ``low`` to ``high`` digits."""
    if high <= 0:
        return ""
    return f"[0-9]{{{low}}}" if low == high else f"[0-9]{{{low},{high}}}"


def _either(ways: list[str]) -> str:
    return ways[0] if len(ways) == 1 else f"({' | '.join(ways)})"


# -- Digits before the point ------------------------------------------------------------------------------------------


def _naturals(low: int, high: int) -> list[str]:
    """Return the ways to write the integers from ``low`` to ``high``, neither below 0."""
    ways: list[str] = []
    for digits in range(len(str(low)), len(str(high)) + 1):
        smallest = 10 ** (digits - 1) if digits > 1 else 0
        first, last = max(low, smallest), min(high, 10**digits - 1)
        ways += _same_length(str(first), str(last))
    return ways


def _same_length(low: str, high: str) -> list[str]:
    rest = len(low) - 1
    if rest < 0:
        return [""]
    first, last = int(low[0]), int(high[0])
    if first == last:
        return [f"[{first}] {_either(_same_length(low[1:], high[1:]))}".strip()]
    ways: list[str] = []
    if low[1:].strip("0"):
        ways.append(f"[{first}] {_either(_same_length(low[1:], '9' * rest))}")
        first += 1
    capped = bool(high[1:].strip("9"))
    if first <= last - capped:
        ways.append(f"{_digit(first, last - capped)} {_any(rest, rest)}".strip())
    if capped:
        ways.append(f"[{last}] {_either(_same_length('0' * rest, high[1:]))}")
    return ways


# -- Digits behind it -------------------------------------------------------------------------------------------------


def _positive(low: Decimal, high: Decimal, low_open: bool, high_open: bool, places: int) -> list[str]:
    """Return the ways to write the numbers from ``low`` to ``high``, neither below 0; none if there are none."""
    if low > high or (low == high and (low_open or high_open)):
        return []
    first, last = int(low), int(high)
    above, below = _fraction(low), _fraction(high)
    if first == last:
        tails = _after_point(_fractions(above, below, low_open, high_open, places))
        return [] if tails is None else [f"{_naturals(first, first)[0]} {tails}".strip()]
    ways: list[str] = []
    if above or low_open:
        tails = _after_point(_at_least(above, low_open, places))
        ways += [] if tails is None else [f"{_naturals(first, first)[0]} {tails}"]
        first += 1
    if first <= last - 1:
        tails = _after_point(["", _any(1, places)] if places else [""])
        ways.append(f"{_either(_naturals(first, last - 1))} {tails}".strip())
    tails = _after_point(_at_most(below, high_open, places))
    ways += [] if tails is None else [f"{_naturals(last, last)[0]} {tails}".strip()]
    return ways


def _after_point(ways: list[str]) -> str | None:
    """Return the point and what may follow; an empty way is to write none. None if there is no way."""
    written = [way for way in ways if way]
    if not written:
        return "" if "" in ways else None
    point = f'"." {_either(written)}'
    return f"({point})?" if "" in ways else point


def _fraction(number: Decimal) -> str:
    text = f"{number:f}"
    return text.partition(".")[2].rstrip("0")


def _places(number: Decimal) -> int:
    return len(_fraction(abs(number)))


def _then(digit: str, ways: list[str]) -> list[str]:
    """Return the ways that write ``digit`` first; none if there are none to go on."""
    written = [way for way in ways if way]
    if not written:
        return [digit] if "" in ways else []
    rest = _either(written) if "" not in ways else f"({' | '.join(written)})?"
    return [f"{digit} {rest}"]


def _at_least(low: str, strictly: bool, places: int) -> list[str]:
    """Return the ways to write up to ``places`` digits that are, as a fraction, not below ``low``."""
    if not low and not strictly:
        return ["", _any(1, places)] if places else [""]
    if places <= 0:
        return []
    digit = int(low[0]) if low else 0
    ways = [f"{_digit(digit + 1, 9)} {_any(0, places - 1)}".strip()] if digit < 9 else []
    return ways + _then(f"[{digit}]", _at_least(low[1:], strictly, places - 1))


def _at_most(high: str, strictly: bool, places: int) -> list[str]:
    """Return the ways to write up to ``places`` digits that are, as a fraction, not above ``high``."""
    if not high:
        if strictly:
            return []
        return ["", f"[0]{{1,{places}}}"] if places > 0 else [""]
    if places <= 0:
        return [""]
    digit = int(high[0])
    ways = [""] + ([f"{_digit(0, digit - 1)} {_any(0, places - 1)}".strip()] if digit else [])
    return ways + _then(f"[{digit}]", _at_most(high[1:], strictly, places - 1))


def _fractions(low: str, high: str, low_open: bool, high_open: bool, places: int) -> list[str]:
    """Return the ways to write fractions from ``low`` to ``high``."""
    if not low and not low_open:
        return _at_most(high, high_open, places)
    if places <= 0:
        return []
    first, last = int(low[0]) if low else 0, int(high[0]) if high else 0
    if first == last:
        return _then(f"[{first}]", _fractions(low[1:], high[1:], low_open, high_open, places - 1))
    ways = _then(f"[{first}]", _at_least(low[1:], low_open, places - 1))
    if first + 1 <= last - 1:
        ways.append(f"{_digit(first + 1, last - 1)} {_any(0, places - 1)}".strip())
    return ways + _then(f"[{last}]", _at_most(high[1:], high_open, places - 1))
