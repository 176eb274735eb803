"""The languages of stories and replies: tag → name, as used in prompts."""

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


def language_name(tag: str) -> str:
    """Return the name of a BCP 47 tag's language; English if it is not supported."""
    return LANGUAGES.get(tag.partition("-")[0].lower(), "English")
