"""The first words of an answer, which its prompt gives: the model goes on behind them."""

import re
from collections.abc import Sequence
from typing import Final

MAX_ACTION: Final = 90
"""Characters of an action that a page may begin with; of a longer one the first clause is taken."""
REPLIES: Final = ("I", "Well, I", "You know, I", "Ah,", "Oh, I", "To be honest, I", "Hm, I", "My")
"""How a reply may begin: in the first person, whatever follows."""
RECENT: Final = 3
"""Replies whose beginnings are not used again at once."""
_SECOND: Final = {
    "i": "you", "i'm": "you are", "i’m": "you are", "i'll": "you", "i’ll": "you", "me": "you", "my": "your",
    "mine": "yours", "myself": "yourself", "am": "are", "we": "you", "our": "your", "us": "you",
}  # fmt: skip
"""A player's words for themselves, as the story has them."""
_NO_ACTION: Final = re.compile(
    r"(?:the|a|an|this|that|these|those|my|your|his|her|its|our|their|he|she|it|they|we|there|here|why|what|who|whom|where"
    r"|when|how|which|is|are|was|were|does|did|would|could|should|can|may|if|because|and|or|but|yes|no|maybe|please|ok"
    r"|okay|if|then|nothing|something|someone|to|in|on|at|with|from|of)\b",
    re.IGNORECASE,
)
"""Beginnings of what is no imperative."""
_CLAUSE: Final = re.compile(r"[.!?;:\n…]|,\s")
_HERO: Final = re.compile(
    r"(?P<hero>an?\s+(?:[\w-]+\s+){1,3}?)(?=(?:[a-z]{2,}[^sS\W]s|has|does|is|goes|must|who|with|in|on)\s)",
    re.IGNORECASE,
)
"""Whom a premise is about: ``a night nurse finds …``."""


def first_words(action: str, premise: str, language: str) -> str:
    """Return how a page begins in the second person: with what the player does, else with who they are.

    "" for languages other than English: nobody knows their verbs here.
    """
    if language.partition("-")[0].lower() != "en":
        return ""
    if action:
        return _doing(action) or "You"
    hero = _HERO.match(premise.strip())
    return f"You are {hero['hero'].strip().lower()}" if hero else "You"


def _doing(action: str) -> str:
    """Return an imperative, or a sentence in the first person, as the beginning of one in the second; "" for others."""
    text = " ".join(action.replace("*", "").split()).strip("\"'“”‘’ .!…")
    if '"' in text or "“" in text:
        text = text.partition('"')[0].partition("“")[0].strip(" ,:")
    if len(text) > MAX_ACTION or _CLAUSE.search(text):
        text = _CLAUSE.split(text)[0].strip()
    words = [_SECOND.get(word.lower(), word) for word in text.split()]
    if not words or len(text) > MAX_ACTION or "?" in action or not text[0].isalpha():
        return ""
    if words[0] == "you":
        return " ".join(["You", *words[1:]])
    if _NO_ACTION.match(text):
        return ""
    if text.lower().startswith(("be ", "be\0")):
        return " ".join(["You are", *words[1:]])
    return " ".join(["You", words[0][0].lower() + words[0][1:], *words[1:]])


def reply_opening(language: str, seed: int, earlier: Sequence[str]) -> str:
    """Return how a persona's reply begins, otherwise than its last three did. "" for languages other than English."""
    if language.partition("-")[0].lower() != "en":
        return ""
    used = {text[: len(opening)] for text in earlier[-RECENT:] for opening in REPLIES}
    free = [opening for opening in REPLIES if opening not in used] or list(REPLIES)
    return free[seed % len(free)]


def with_opening(opening: str, rest: str) -> str:
    """Return an answer whose ``opening`` was given and of which a model has written the ``rest``.

    A server that does not go on behind the last message begins anew: with the same words, or with others.
    """
    begins = rest.lstrip()
    if not opening or not begins:
        return opening or rest
    if begins.casefold().startswith(opening.casefold()) or (begins == rest and begins[0].isupper()):
        return begins
    return opening + rest
