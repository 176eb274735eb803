"""Writes a `PersonaCard` for other programs: Character Card V2 and V3 as JSON, as PNG with both, and as CHARX.

What its source said and the card has not changed is written as it was, everything else as the standard wants it.
"""

import base64
import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any, Final, Literal, cast

from db.personas.card import PersonaCard
from workers.cards.archive import EMBEDDED, write_archive
from workers.cards.book import for_v2, for_v3
from workers.cards.chunks import ASSET, plain_picture, with_texts, without_cards
from workers.cards.fields import BOOK, V1_FIELDS, Path, card_fields, mapping, spec_values
from workers.cards.reading import SPECS

Spec = Literal[2, 3]
LEGACY: Final = "__asset:"
"""How the address of a file in a PNG begins."""
_PLAIN: Final = plain_picture(400, 600, (58, 64, 90))
"""The picture of a card without one: cards in a PNG need some."""


def card_json(card: PersonaCard, spec: Spec = 3) -> dict[str, Any]:
    """Return a card as JSON of Character Card V2 or V3."""
    root = deepcopy(card.source) if card.source is not None else {}
    data = dict(mapping(root.get("data")))
    root["data"] = data
    said = spec_values(card)
    if spec == 3:
        said.setdefault(("data", "group_only_greetings"), [])
    for path, value in said.items():
        if not _has(root, path):
            _put(root, path, value)
    _correct(root, said)
    data = root["data"]
    data.setdefault("extensions", {})
    if BOOK[-1] in data and isinstance(data[BOOK[-1]], Mapping):
        was = root.get("spec")
        book = data[BOOK[-1]]
        data[BOOK[-1]] = for_v3(book) if spec == 3 else book if was == SPECS[2] else for_v2(book)
    root |= {name: data[name] for name in V1_FIELDS if name in root}
    if root.get("spec") != SPECS[spec] or not root.get("spec_version"):
        root["spec_version"] = f"{spec}.0"
    root["spec"] = SPECS[spec]
    return root


def _correct(root: dict[str, Any], said: Mapping[Path, Any]) -> None:
    """Write anew what the source says otherwise than the card by now."""
    name = ("data", "name")
    _put(root, name, said[name])
    now = spec_values(PersonaCard.model_validate(card_fields(root)))
    for path in {*said, *now}:
        if now.get(path) == said.get(path):
            continue
        if path in said:
            _put(root, path, said[path])
        else:
            _drop(root, path)


def written_json(card: PersonaCard, spec: Spec = 3) -> bytes:
    """Return a card as a JSON file."""
    return json.dumps(card_json(card, spec), ensure_ascii=False, indent=2).encode()


def written_png(card: PersonaCard, picture: bytes = b"", files: Mapping[str, bytes] | None = None) -> bytes:
    """Return a card as a PNG that has it twice, for programs that know V3 and for those that do not.

    ``picture`` is a PNG; ``files`` are those of the card by their path.
    """
    files = files or {}
    newer = card_json(_addressed(card, files, LEGACY), 3)
    texts = {"chara": _packed(card_json(card, 2)), "ccv3": _packed(newer)}
    texts |= {f"{ASSET}{path}": base64.b64encode(content) for path, content in files.items()}
    return with_texts(without_cards(picture or _PLAIN), texts)


def written_charx(card: PersonaCard, picture: bytes = b"", files: Mapping[str, bytes] | None = None) -> bytes:
    """Return a card as a CHARX archive. A ``picture`` becomes its main icon where it has none among its files."""
    files = dict(files or {})
    root = card_json(_addressed(card, files, EMBEDDED[0]), 3)
    assets = cast("list[dict[str, Any]]", root["data"].setdefault("assets", []))
    has_icon = any(each.get("type") == "icon" and str(each.get("uri")).startswith(EMBEDDED) for each in assets)
    if picture and not has_icon:
        path = "assets/icon/images/main.png"
        files[path] = picture
        icon = {"type": "icon", "uri": EMBEDDED[0] + path, "name": "main", "ext": "png"}
        # The default, which stands for the picture that the card comes in.
        root["data"]["assets"] = [icon, *(each for each in assets if each.get("uri") != "ccdefault:")]
    return write_archive(json.dumps(root, ensure_ascii=False).encode(), files)


def _addressed(card: PersonaCard, files: Mapping[str, bytes], scheme: str) -> PersonaCard:
    """Return a card whose assets name its files as a PNG or an archive does."""

    def moved(uri: str) -> str:
        for known in (*EMBEDDED, LEGACY):
            path = uri.removeprefix(known)
            if uri.startswith(known) and path in files:
                same = known == scheme or (scheme == EMBEDDED[0] and known in EMBEDDED)
                return uri if same else scheme + path
        return uri

    assets = tuple(each.model_copy(update={"uri": moved(each.uri)}) for each in card.assets)
    return card.model_copy(update={"assets": assets})


def _packed(root: Mapping[str, Any]) -> bytes:
    return base64.b64encode(json.dumps(root, ensure_ascii=False).encode())


def _has(root: Mapping[str, Any], path: Path) -> bool:
    *outer, last = path
    for name in outer:
        root = mapping(root.get(name))
    return last in root


def _put(root: dict[str, Any], path: Path, value: Any) -> None:
    *outer, last = path
    for name in outer:
        inner = root.get(name)
        root[name] = dict(cast("Mapping[str, Any]", inner)) if isinstance(inner, Mapping) else {}
        root = root[name]
    root[last] = value


def _drop(root: dict[str, Any], path: Path) -> None:
    *outer, last = path
    for name in outer:
        inner = root.get(name)
        if not isinstance(inner, dict):
            return
        root = cast("dict[str, Any]", inner)
    root.pop(last, None)
