"""The languages offered, in one place: of stories and replies, of the interface, and of the check of requests."""

from typing import Final

LANGUAGES: Final = {
    "en": "English",
    "de": "German",
    "es": "Spanish",
    "fr": "French",
    "it": "Italian",
    "ja": "Japanese",
    "ko": "Korean",
    "nl": "Dutch",
    "pl": "Polish",
    "pt": "Portuguese",
    "ru": "Russian",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "zh": "Chinese",
}
"""Tag → name, as used in prompts. Each has word tables in ``tests/prompts/safety``: the check must know its words."""

INTERFACE_LANGUAGES: Final = frozenset({"en"})
"""Those of the interface's wordings (``bot/locales``), among `LANGUAGES`."""


def language_name(tag: str) -> str:
    """Return the name of a BCP 47 tag's language; English if it is not supported."""
    return LANGUAGES.get(tag.partition("-")[0].lower(), "English")
