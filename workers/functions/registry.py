"""AI functions by name, loaded when first asked for.

A package adds its own by an entry point in the group ``storyfork.functions``: name = "module:Class".
"""

from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Final

from workers.functions.base import AiFunction

GROUP: Final = "storyfork.functions"
_OWN: Final = {
    "write_page": "workers.functions.write_page:WritePage",
    "suggest_choices": "workers.functions.suggest_choices:SuggestChoices",
    "answer_as_persona": "workers.functions.answer_as_persona:AnswerAsPersona",
    "write_image_prompt": "workers.functions.write_image_prompt:WriteImagePrompt",
    "extract_scenes": "workers.functions.extract_scenes:ExtractScenes",
}


class UnknownFunction(LookupError):
    """No AI function of that name is known; the message lists those that are."""


def names() -> list[str]:
    """Return the names of all known functions."""
    return sorted({*_OWN, *(e.name for e in entry_points(group=GROUP))})


@lru_cache
def get(name: str) -> AiFunction[Any, Any]:
    """Return the function of that name. Raises `UnknownFunction`."""
    if (place := _OWN.get(name)) is not None:
        module, _, attribute = place.partition(":")
        return getattr(import_module(module), attribute)()
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            return entry.load()()
    raise UnknownFunction(f"no AI function {name!r}; known are {', '.join(names())}")
