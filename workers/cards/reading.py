"""Reads a card of another program into a `PersonaCard`: Character Card V1, V2 and V3, and Pygmalion's characters.

What is read is taken out of the source that the card keeps, so that no text stands there twice; what is not known, or
cannot be written again as it was, stays in it. `writing` puts the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from pydantic import ValidationError

from db.personas.card import PersonaCard
from workers.cards.book import for_v2, tidy_book
from workers.cards.fields import (
    BACKFILLED,
    BOOK,
    DEPTH,
    FIELDS,
    OTHERS,
    OWN,
    TALK,
    V1_FIELDS,
    V2_FIELDS,
    Path,
    card_fields,
    mapping,
    spec_values,
)
from workers.cards.files import CardFile, json_object, read_file
from workers.cards.lorebook import NotALorebook, read_lorebook
from workers.cards.refusals import CardProblem, CardRefused

SPECS: Final = {2: "chara_card_v2", 3: "chara_card_v3"}
_NEWEST: Final = 3.0
_PROBLEMS: Final[dict[str, CardProblem]] = {
    "string_too_long": "too_long", "too_long": "too_many", "missing": "missing", "string_too_short": "missing",
}  # fmt: skip
_BOOK_PROBLEMS: Final[dict[str, CardProblem]] = {
    "too_many_entries": "too_many", "entry_too_long": "too_long", "too_long": "too_long",
}  # fmt: skip
_NAMES: Final = {field: name for name, field in FIELDS.items()}
_COMPARED: Final = tuple(name for name in V2_FIELDS if name != "creator_notes")


@dataclass(frozen=True, slots=True)
class ReadCard:
    """A card that was read, its picture as it came (empty without one) and its files by path.

    ``conflicts`` are the fields in which the file's older card says something else; the newer one holds. ``newer``:
    the card follows a standard that is newer than those known here.
    """

    card: PersonaCard
    picture: bytes = b""
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    conflicts: tuple[str, ...] = ()
    newer: bool = False


def read_card(data: bytes, *, title: str = "") -> ReadCard:
    """Return the card in a file; one without a name is called ``title``. Raises `CardRefused`."""
    found = read_file(data)
    return ReadCard(
        card=read_root(found.root, title=title),
        picture=found.picture,
        files=found.files,
        conflicts=_conflicts(found),
        newer=_version(found.root) > _NEWEST,
    )


def read_root(root: Mapping[str, Any], *, title: str = "") -> PersonaCard:
    """Return the card in a file's JSON. Raises `CardRefused`."""
    whole = _as_standard(root)
    try:
        fields = card_fields(whole)
        names = (fields.get("name"), fields.get("nickname"))
        fields["name"] = next((each for each in names if isinstance(each, str | int) and str(each).strip()), title)
        _check_book(fields.get("lorebook"))
        card = PersonaCard.model_validate(fields)
    except ValidationError as error:
        raise _refusal(error) from error
    rest = _rest(whole, card)
    return card.model_copy(update={"source": rest}) if rest else card


def _as_standard(root: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card of any standard in the form of the newer ones: its fields in ``data``."""
    data = root.get("data")
    if isinstance(data, str):
        data = json_object(data) or data
    if data is not None and not isinstance(data, Mapping):
        raise CardRefused("wrong", "data")
    inner = dict(mapping(data))
    if (data is None and "entries" in root) or root.get("spec") == "lorebook_v3":
        raise CardRefused("lorebook")
    outer = {name: value for name, value in root.items() if name != "data"}
    if data is None:
        known = {name: outer.pop(name) for name in V1_FIELDS if name in outer}
        known |= {to: outer.pop(name) for name, to in OTHERS.items() if name in outer and to not in known}
        if not any(isinstance(value, str) and value.strip() for value in known.values()):
            raise CardRefused("no_card")
        inner = known
    for name in V1_FIELDS:  # a card that has only some of its fields where they belong
        if name not in inner and name in outer:
            inner[name] = outer[name]
    if "character_book" in outer and not isinstance(inner.get("character_book"), Mapping):
        inner["character_book"] = outer.pop("character_book")
    return {**outer, "data": inner}


def _rest(whole: Mapping[str, Any], card: PersonaCard) -> dict[str, Any]:
    """Return what is left of a card's JSON without what the card itself says."""
    said = spec_values(card)
    data = dict(mapping(whole["data"]))
    rest = {name: _mark(name, value) for name, value in whole.items() if name not in ("data", "spec", "spec_version")}
    if whole.get("spec") in SPECS.values():
        rest |= {"spec": whole["spec"], "spec_version": whole.get("spec_version", "")}
    for name in FIELDS:
        if name in data and _is_said(("data", name), data[name], said):
            del data[name]
    data.pop(BOOK[-1], None)
    extensions = dict(mapping(data.pop("extensions", None)))
    for path in (OWN, DEPTH, TALK):
        if path in said and extensions.get(path[-1]) == said[path]:
            del extensions[path[-1]]
    if extensions:
        data["extensions"] = extensions
    return {**rest, **({"data": data} if data else {})}


def _mark(name: str, value: object) -> object:
    """Return what is kept of a field beside ``data``: of the old ones that repeat it, only that they are there."""
    return "" if name in V1_FIELDS else value


def _is_said(path: Path, value: object, said: Mapping[Path, Any]) -> bool:
    """Return True for a field that need not be kept: the card says it, or it is of no type that it may have."""
    if path in said and said[path] == value:
        return True
    if path[-1] == "creator_notes" and isinstance(value, str) and value.startswith(BACKFILLED):
        return True
    listed = path[-1] in {"alternate_greetings", "group_only_greetings", "tags"}
    if listed:
        return not isinstance(value, list) or not all(isinstance(each, str) for each in cast("list[object]", value))
    if path[-1] == "assets":
        return not isinstance(value, list)
    return not isinstance(value, dict if path[-1] == "creator_notes_multilingual" else str)


def _check_book(book: object) -> None:
    if not isinstance(book, Mapping) or not cast("Mapping[str, Any]", book).get("entries"):
        return
    try:
        read_lorebook(cast("Mapping[str, Any]", book))
    except NotALorebook as error:
        if error.reason in _BOOK_PROBLEMS:
            raise CardRefused(_BOOK_PROBLEMS[error.reason], _field("character_book"), **error.values) from error


def _field(name: str) -> str:
    """Return where a field stands in a card's file."""
    return f"data.{name}"


def _refusal(error: ValidationError) -> CardRefused:
    first = error.errors()[0]
    where = str(first["loc"][0])
    limit = first.get("ctx", {}).get("max_length")
    values = {} if limit is None else {"limit": limit}
    return CardRefused(_PROBLEMS.get(first["type"], "wrong"), _field(_NAMES.get(where, where)), **values)


def _conflicts(found: CardFile) -> tuple[str, ...]:
    """Return the fields in which two cards of a file disagree."""
    if found.older is None:
        return ()
    one, other = (mapping(_standard(root)["data"]) for root in (found.root, found.older))
    differing = [name for name in _COMPARED if name in one and name in other and one[name] != other[name]]
    books = [_contents(each.get("character_book")) for each in (one, other)]
    return (*differing, *(("character_book",) if books[0] != books[1] else ()))


def _standard(root: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return _as_standard(root)
    except CardRefused:
        return {"data": {}}


def _contents(book: object) -> list[tuple[list[str], str]]:
    entries = for_v2(tidy_book(mapping(book)))["entries"]
    return [(entry["keys"], entry["content"]) for entry in entries]


def _version(root: Mapping[str, Any]) -> float:
    try:
        return float(str(root.get("spec_version") or 0))
    except ValueError:
        return 0.0
