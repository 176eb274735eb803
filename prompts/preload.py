"""Preloading of this room's data files, so that the event loop never waits for the disk."""

from threading import Thread

from prompts.personas import default_voice, load_personas
from prompts.pictures import negatives, phrases, qualities, sizes, styles
from prompts.premises import premise_words
from prompts.registry import default_registry
from prompts.safety.check import default_check


def preload() -> None:
    """Read prompts, personas, picture styles, and the words of premises and of the safety check. Blocking.

    Raises `PromptInvalid`.
    """
    for load in (
        default_registry,
        load_personas,
        default_voice,
        styles,
        sizes,
        qualities,
        negatives,
        phrases,
        premise_words,
        default_check,
    ):
        load()
    # Few texts need it and it takes long, so nothing waits for it: neither the start nor, later, the event loop.
    Thread(target=default_check().prepare, name="safety-check", daemon=True).start()
