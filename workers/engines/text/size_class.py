"""How large a model is: by what its engine knows, else by its name. A prompt is written for a class of sizes."""

import logging
import re
from collections.abc import Mapping
from typing import Final, Literal

from prompts.sizes import SizeClass
from workers.engines.text.base import KnowsParameters, TextEngine

ModelSize = Literal["auto", "small", "medium", "large"]
"""What an operator may say of all models; ``auto``: of each what is known of it."""
MEDIUM_FROM: Final = 3_000_000_000
"""Parameters from which a model is not small any more."""
LARGE_FROM: Final = 15_000_000_000
"""Parameters from which a model is large."""
_IN_NAME: Final = re.compile(
    r"(?<![a-z0-9.])e?(?:(?P<experts>\d{1,3})x)?(?P<number>\d{1,4}(?:\.\d{1,3})?)(?P<unit>[bmt])(?![a-z0-9])",
    re.IGNORECASE,
)
"""Parameters in a model's name: ``-7B-``, ``0.5b``, ``135M``, ``8x7B``, ``E4B``."""
_UNITS: Final = {"m": 10**6, "b": 10**9, "t": 10**12}
_KNOWN: Final[Mapping[str, int]] = {
    "phi-3-mini": 3_800_000_000, "phi-3.5-mini": 3_800_000_000, "phi-4-mini": 3_800_000_000, "phi-4": 14_700_000_000,
    "phi3": 3_800_000_000, "mistral-nemo": 12_200_000_000, "mistral-small": 24_000_000_000,
    "ministral": 8_000_000_000, "command-r7b": 8_000_000_000, "codestral": 22_000_000_000,
    "tinyllama": 1_100_000_000, "stablelm-zephyr": 3_000_000_000,
}  # fmt: skip
"""Parameters of models whose names have none, by the beginning of the name without its publisher."""
_log = logging.getLogger(__name__)


def class_of(parameters: int | None) -> SizeClass:
    """Return the class of a model with so many ``parameters``. A model of which nobody knows counts as large."""
    if parameters is None or parameters >= LARGE_FROM:
        return "large"
    return "small" if parameters < MEDIUM_FROM else "medium"


def parameters_in_name(name: str) -> int | None:
    """Return the parameters that a model's ``name`` says or stands for; None if it says nothing.

    Of several numbers the largest counts: ``30B-A3B`` has 30 billion, of which 3 are active.
    """
    own = name.rpartition("/")[2].lower()
    found = [
        int(int(match["experts"] or 1) * float(match["number"]) * _UNITS[match["unit"].lower()])
        for match in _IN_NAME.finditer(own)
    ]
    if found:
        return max(found)
    known = max((each for each in _KNOWN if own.startswith(each)), key=len, default="")
    return _KNOWN.get(known)


async def size_of(engine: TextEngine, model: str = "") -> SizeClass:
    """Return the class of an engine's model: by what the engine knows, else by names. Never fails, loads nothing."""
    if isinstance(engine, KnowsParameters):
        try:
            return class_of(await engine.parameters(model))
        except Exception:  # noqa: BLE001 - a package's engine may raise anything
            _log.exception("a defect in %s", engine.name)
    names = (model, *engine.model_names[:1]) if model not in engine.model_names else (model,)
    return class_of(next((found for name in names if (found := parameters_in_name(name)) is not None), None))
