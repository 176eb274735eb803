"""LoRAs by name: parsing a user's words or a persona's card, and checking that they are installed."""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final, cast

from db.errors import BadInput
from prompts.pictures import qualities
from workers.engines.image.base import LoraUse

MAX_LORAS: Final = 4
MAX_LORA_WEIGHT: Final = 2.0
_LISTED: Final = 40
"""Maximum names that an answer lists."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,99}")


def chosen_loras(text: str, installed: Collection[str]) -> tuple[LoraUse, ...]:
    """Return the LoRAs that a person names: ``name`` or ``name:weight``, separated by spaces or commas.

    Case does not matter; a name may hold spaces. If one is named twice, its last weight counts. Raises `BadInput`.
    """
    known = {" ".join(name.casefold().split()): name for name in installed}
    words = [word for each in text.split() if (word := each.rstrip(","))]
    found: dict[str, LoraUse] = {}
    while words:
        taken = next((n for n in range(len(words), 0, -1) if _split(words[:n])[0].casefold() in known), 1)
        name, weight = _split(words[:taken])
        lora = LoraUse(known.get(name.casefold(), name), _weight(name, weight))
        found[lora.name], words = lora, words[taken:]
    loras = tuple(found.values())
    check_loras(loras, installed)
    return loras


def card_lora(raw: object) -> LoraUse | None:
    """Return the LoRA of a persona's card, a name or a mapping of ``name`` and ``weight``; None if it does not fit."""
    each: Mapping[str, Any] = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {"name": raw}
    name, weight = each.get("name"), each.get("weight", 1.0)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return None
    if isinstance(weight, bool) or not isinstance(weight, int | float) or abs(weight) > MAX_LORA_WEIGHT:
        return None
    return LoraUse(name, float(weight))


def check_loras(loras: tuple[LoraUse, ...], installed: Collection[str]) -> None:
    """Raise `BadInput` if there are too many, one is not installed, or a weight is out of range."""
    if len(loras) > MAX_LORAS:
        raise BadInput("picture.too_many_loras", limit=MAX_LORAS)
    for lora in loras:
        if not _NAME.fullmatch(lora.name) or lora.name not in installed:
            raise _unknown(lora.name, installed)
        if not abs(lora.weight) <= MAX_LORA_WEIGHT:
            raise BadInput("picture.bad_lora_weight", name=lora.name, limit=MAX_LORA_WEIGHT)


def _unknown(name: str, installed: Collection[str]) -> BadInput:
    # LoRAs that speed up a quality come with it, and spoil every other quality.
    fast = {quality.few_step.lora for quality in qualities().values() if quality.few_step is not None}
    names = sorted(set(installed) - fast, key=str.casefold)
    if not names:
        return BadInput("picture.no_loras", name=name[:100])
    listed = ", ".join(names[:_LISTED]) + (", …" if len(names) > _LISTED else "")
    return BadInput("picture.unknown_lora", name=name[:100], names=listed)


def _split(words: list[str]) -> tuple[str, str]:
    """Return the name and the weight that the words form together, "" for none."""
    *head, last = words
    stem, _, weight = last.partition(":")
    return " ".join((*head, stem)), weight


def _weight(name: str, text: str) -> float:
    try:
        return float(text.replace(",", ".")) if text else 1.0
    except ValueError:
        raise BadInput("picture.bad_lora_weight", name=name[:100], limit=MAX_LORA_WEIGHT) from None
