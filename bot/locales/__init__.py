"""Wording for people: one TOML file per language, keys by topic, slots in braces. English is complete.

A slot that counts holds its plural forms: ``{pages:# page|# pages}``, where ``#`` is the number. The forms come in the
order of the language's CLDR categories without fractions (English: one, other; Russian: one, few, many).

``{command:story new}`` names a command: each platform spells it its own way. ``{command:{name}}`` names the one whose
name is the value. ``{when:moment}`` shows a moment (ISO 8601) as the platform does: ``in 2 h 10 min``.
``{wording:role.{role}}`` is another wording, whose key is made from values.
"""

import string
import tomllib
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

from bot.text.cleaning import command_reference
from bot.text.moments import moment_reference

DEFAULT: Final = "en"
COMMAND: Final = "command"
"""The slot that names a command."""
MOMENT: Final = "moment"
"""The format of a slot that holds a moment."""
WORDING: Final = "wording"
"""The slot that is another wording."""
_packages: Final[set[str]] = set()
_wordings: Final[dict[str, dict[str, str]]] = {}
"""By language and key. All are read at startup: answers never wait for the disk."""


def add(package: str) -> None:
    """Read the ``<language>.toml`` files of another package too.

    Raises `ValueError` if a key is taken in any language, or a wording cannot be filled.
    """
    if package in _packages:
        return
    found = _read(package)
    known = {key for language in _wordings for key in known_keys(language)}
    for tag, wordings in found.items():
        if taken := sorted(wordings.keys() & known):
            raise ValueError(f"the wording {taken[0]!r} of {package} ({tag}) is taken")
        for key, wording in wordings.items():
            _check(wording, f"the wording {key!r} of {package} ({tag})")
    _packages.add(package)
    for tag, wordings in found.items():
        _wordings.setdefault(tag, {}).update(wordings)


def text(key: str, values: dict[str, Any] | None = None, language: str = DEFAULT) -> str:
    """Return the wording of a key, its slots filled; English where the language has none.

    An unknown key returns itself: a missing wording must not cost an answer (a test finds those).
    """
    own = _wordings.get(_tag(language), {}).get(key)
    return fill(own, values or {}, language) if own else fill(wording(key), values or {})


def text_of(language: str) -> Callable[..., str]:
    """Return the function that returns a language's wording of a key, with its values as named arguments."""
    return lambda key, **values: text(key, values, language)


def wording(key: str, language: str = DEFAULT) -> str:
    """Return the wording of a key with its slots unfilled, the key itself if there is none."""
    return _wordings.get(_tag(language), {}).get(key) or _wordings[DEFAULT].get(key) or key


def fill(wording: str, values: Mapping[str, Any], language: str = DEFAULT) -> str:
    """Return ``wording`` with its slots filled; those without a value stay."""
    return _Filler(language).vformat(wording, (), values)


def plural_forms(language: str = DEFAULT) -> int:
    """Return how many plural forms a count has in ``language``."""
    return _PLURALS.get(_tag(language), _ONE_OTHER)[0]


def known_keys(language: str = DEFAULT) -> set[str]:
    """Return all keys of a language."""
    return set(_wordings.get(language, {}))


def _tag(language: str) -> str:
    return language.partition("-")[0].lower()


def _russian(n: int) -> int:
    if n % 10 == 1 and n % 100 != 11:
        return 0
    return 1 if n % 10 in {2, 3, 4} and n % 100 not in {12, 13, 14} else 2


def _polish(n: int) -> int:
    return 0 if n == 1 else 1 if n % 10 in {2, 3, 4} and n % 100 not in {12, 13, 14} else 2


_ONE_OTHER: Final[tuple[int, Callable[[int], int]]] = (2, lambda n: int(n != 1))
_PLURALS: Final[dict[str, tuple[int, Callable[[int], int]]]] = {
    **dict.fromkeys(("ja", "ko", "zh", "th", "vi", "id"), (1, lambda _n: 0)),
    **dict.fromkeys(("fr", "pt"), (2, lambda n: int(n > 1))),
    **dict.fromkeys(("ru", "uk"), (3, _russian)),
    "pl": (3, _polish),
}
"""The number of plural forms and which one a number takes, of languages that are not like English. Source: CLDR."""


_REFERENCE: Final = object()
_WORDING: Final = object()


class _Filler(string.Formatter):
    """Fills slots; a format is the plural forms of a number, other values ignore it."""

    def __init__(self, language: str) -> None:
        self._language = language
        self._form = _PLURALS.get(_tag(language), _ONE_OTHER)[1]

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:  # noqa: ARG002
        # No attributes, no items: a slot is a plain name.
        if field_name == COMMAND:
            return _REFERENCE, field_name
        if field_name == WORDING:
            return _WORDING, field_name
        return kwargs.get(field_name, "{" + field_name + "}"), field_name

    def format_field(self, value: Any, format_spec: str) -> str:
        if value is _REFERENCE:
            return command_reference(format_spec)
        if format_spec == MOMENT:
            return _moment(value, self._language)
        if value is _WORDING:
            return text(format_spec, language=self._language)
        if not format_spec or isinstance(value, bool) or not isinstance(value, int):
            return str(value)
        forms = format_spec.split("|")
        return forms[min(self._form(abs(value)), len(forms) - 1)].replace("#", str(value))


def _moment(value: object, language: str) -> str:
    try:
        return moment_reference(str(value), text_of(language))
    except ValueError:
        return str(value)


def _read(package: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for file in files(package).iterdir():
        language, _, extension = file.name.partition(".")
        if extension == "toml":
            topics = tomllib.loads(file.read_text("utf-8"))
            if outside := [topic for topic, entries in topics.items() if not isinstance(entries, dict)]:
                raise ValueError(f"{outside[0]!r} in {file.name} of {package} stands in no table")
            found[language] = {
                f"{topic}.{name}": text for topic, entries in topics.items() for name, text in entries.items()
            }
    return found


def _check(wording: object, where: str) -> None:
    if not isinstance(wording, str):
        raise ValueError(f"{where} is no text")  # noqa: TRY004 - the fault of a file
    try:
        list(string.Formatter().parse(wording))
    except ValueError as e:
        raise ValueError(f"{where}: {e}") from e


add(__name__)
