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
    r"(?<![a-z0-9.])e?(?:(?P<experts>\d{1,3})x)?(?P<number>[01]_\d|\d{1,4}(?:\.\d{1,3})?)(?P<unit>[bmt])(?![a-z0-9])",
    re.IGNORECASE,
)
"""Parameters in a model's name: ``-7B-``, ``0.5b``, ``135M``, ``8x7B``, ``E4B``, ``1_6b``."""
_UNITS: Final = {"m": 10**6, "b": 10**9, "t": 10**12}
_KNOWN: Final[Mapping[str, int]] = {
    "phi-3-mini": 3_800_000_000, "phi-3.5-mini": 3_800_000_000, "phi-4-mini": 3_800_000_000, "phi-4": 14_700_000_000,
    "phi3": 3_800_000_000, "phi-2": 2_700_000_000, "phi-1": 1_300_000_000,
    "mistral-nemo": 12_200_000_000, "mistral-small": 24_000_000_000,
    "ministral": 8_000_000_000, "command-r7b": 8_000_000_000, "codestral": 22_000_000_000,
    "tinyllama": 1_100_000_000, "stablelm-zephyr": 3_000_000_000,
}  # fmt: skip
"""Parameters of models whose names have none, by the beginning of the name without its publisher."""
_USUAL: Final[Mapping[str, int]] = {
    "deepseek-r1": 8_000_000_000, "dolphin3": 8_000_000_000, "dolphin-mistral": 7_000_000_000,
    "falcon3": 7_000_000_000, "gemma": 7_000_000_000, "gemma2": 9_000_000_000, "gemma3": 4_000_000_000,
    "gemma3n": 4_000_000_000, "granite3.3": 8_000_000_000, "llama2": 7_000_000_000, "llama3": 8_000_000_000,
    "llama3.1": 8_000_000_000, "llama3.2": 3_000_000_000, "mistral": 7_000_000_000, "neural-chat": 7_000_000_000,
    "olmo2": 7_000_000_000, "openhermes": 7_000_000_000, "phi": 2_700_000_000, "phi3.5": 3_800_000_000,
    "phi4": 14_700_000_000, "phi4-mini": 3_800_000_000, "qwen": 4_000_000_000, "qwen2": 7_000_000_000,
    "qwen2.5": 7_000_000_000, "qwen2.5-coder": 7_000_000_000, "codellama": 7_000_000_000,
    "codegemma": 7_000_000_000, "qwen3": 8_000_000_000, "smollm": 1_700_000_000, "smollm2": 1_700_000_000,
    "vicuna": 7_000_000_000, "zephyr": 7_000_000_000,
}  # fmt: skip
"""Parameters of the model that Ollama runs under a name without a tag, or with one that says nothing of them."""
_log = logging.getLogger(__name__)


def class_of(parameters: int | None) -> SizeClass:
    """Return the class of a model with so many ``parameters``. A model of which nobody knows counts as large."""
    if parameters is None or parameters >= LARGE_FROM:
        return "large"
    return "small" if parameters < MEDIUM_FROM else "medium"


def parameters_in_name(name: str) -> int | None:
    """Return the parameters that a model's ``name`` says or stands for; None if it says nothing.

    Of several numbers the largest counts: ``30B-A3B`` has 30 billion, of which 3 are active. Trillions beside them are
    the words that it has read: ``2B-4T`` has 2 billion.
    """
    own = name.rpartition("/")[2].lower()
    matches = list(_IN_NAME.finditer(own))
    matches = [match for match in matches if match["unit"] != "t"] or matches
    if matches:
        return max(
            int(int(match["experts"] or 1) * float(match["number"].replace("_", ".")) * _UNITS[match["unit"]])
            for match in matches
        )
    if (usual := _USUAL.get(own.partition(":")[0])) is not None:
        return usual
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
