"""The first words of an answer, which its prompt gives: the model goes on behind them."""

import re
from collections.abc import Sequence
from typing import Final

from workers.craft.languages import base_tag
from workers.functions.choice_lines import VERBS
from workers.functions.second_person import alone, does, introduces

MAX_ACTION: Final = 90
"""Characters of an action that a page may begin with; of a longer one the first clause is taken."""
REPLIES: Final = {
    "en": ("I", "Well, I", "You know, I", "Ah,", "Oh, I", "To be honest, I", "Hm, I", "My"),
    "de": ("Ich", "Na ja, ich", "Also, ich", "Ach,", "Oh, ich", "Ehrlich gesagt:", "Hm, ich", "Mein"),
    "fr": ("Moi,", "Eh bien,", "Ah,", "Oh,", "À vrai dire,", "Hm,", "Mon", "Franchement,"),
    "es": ("Yo", "Bueno,", "Ah,", "Pues", "La verdad,", "Oh,", "Hm,", "Mi"),
}
"""How a reply may begin, by language: in the first person, or as people begin to speak of themselves."""
RECENT: Final = 3
"""Replies whose beginnings are not used again at once."""
_SECOND: Final = {
    "i": "you", "i'm": "you are", "i'll": "you", "i'd": "you would", "i've": "you have", "me": "you", "my": "your",
    "mine": "yours", "myself": "yourself", "am": "are", "we": "you", "we're": "you are", "we'll": "you",
    "we'd": "you would", "we've": "you have", "our": "your", "ours": "yours", "ourselves": "yourselves", "us": "you",
}  # fmt: skip
"""A player's words for themselves, as the story has them."""
_NO_ACTION: Final = re.compile(
    r"(?:the|a|an|this|that|these|those|my|your|his|her|its|our|their|he|she|it|they|we|there|here|why|what|who|whom|where"
    r"|when|how|which|is|are|was|were|does|did|would|could|should|can|may|if|because|and|or|but|yes|no|maybe|please|ok"
    r"|okay|if|then|nothing|something|someone|to|in|on|at|with|from|of|let['’]?s|you['’]\w+)\b",
    re.IGNORECASE,
)
"""Beginnings of what is no imperative."""
_TO_OTHERS: Final = frozenset({"i", "me", "us", "my", "our", "we"})
"""Words of a player for themselves in what they say to somebody: ``give me the key``, ``you tell me``."""
_OF_OTHERS: Final = re.compile(
    r"(?!(?:this|his|its|us|yes)\b)(?:[a-z]+[^\W_s]s|[a-z]{2,}ed|is|was|has|had|will|would|can|could|should|must|might|did"
    r"|and|who)",
    re.IGNORECASE,
)
"""A second word that makes the first one somebody's name: ``Sam opens the door``; not behind a verb (`VERBS`)."""
_VERBS: Final = frozenset(verb.lower() for verbs in VERBS.values() for verb in verbs)
_SUFFIX: Final = re.compile(r"(?:s|es|d|ed|ing|er|ly|t|f|n|ts)\b")
"""Letters with which a model may complete the last word of an opening."""
_CLAUSE: Final = re.compile(r"[.!?;:\n…]|,\s")
_HERO: Final = re.compile(
    r"(?P<hero>an?\s+(?:[\w-]+\s+){1,3}?)(?=(?:[a-z]{2,}[^sS\W]s|has|does|is|goes|must|who|with|in|on)\s)",
    re.IGNORECASE,
)
"""Whom a premise is about: ``a night nurse finds …``."""
_THINGS: Final = frozenset(
    {
        "letter", "message", "note", "storm", "ship", "boat", "train", "map", "door", "key", "book", "box", "ring",
        "lamp", "war", "plague", "island", "city", "town", "village", "house", "castle", "comet", "star", "meteor",
        "bell", "signal", "phone", "call", "voice", "scream", "murder", "fire", "flood", "song", "painting", "mirror",
        "machine", "forest", "river", "road", "bridge", "tower", "gate", "school", "hotel", "market", "party",
        "wedding", "funeral",
    }
)  # fmt: skip
"""What nobody is, though a premise may begin with it: ``A letter has arrived``."""


def first_words(action: str, premise: str, language: str) -> str:
    """Return how a page begins in the second person: with what the player does, else with who they are.

    "" for a language whose verbs nobody knows here.
    """
    tag = base_tag(language)
    if tag != "en":
        return (does(_clause(action), tag) or alone(tag)) if action else introduces(tag)
    if action:
        return _doing(action) or "You"
    found = _HERO.match(premise.strip())
    hero = found["hero"].strip().lower() if found else ""
    return f"You are {hero}" if hero and hero.split()[-1] not in _THINGS else "You"


def _clause(action: str) -> str:
    """Return an action without marks and without words in quotation marks, of several clauses the first."""
    text = " ".join(action.replace("*", "").split()).strip("\"'“”‘’«»„ .!¡…")
    text = re.split('["“„«]', text)[0].strip(" ,:")
    return _CLAUSE.split(text)[0].strip()


def _doing(action: str) -> str:
    """Return an imperative, or a sentence in the first person, as the beginning of one in the second; "" for others."""
    text = _clause(action)
    told = text.replace("’", "'").lower().split()
    words = " ".join(_SECOND.get(low, word) for low, word in zip(told, text.split(), strict=True)).split()
    if told[:1] == ["mine"]:
        words[0] = text.split()[0]
    if not words or len(text) > MAX_ACTION or "?" in action or not text[0].isalpha():
        return ""
    if words[0] == "you":
        return " ".join(["You", *("were" if word == "was" else word for word in words[1:2]), *words[2:]])
    if told[0] == "you":
        return "" if _TO_OTHERS.intersection(told) else " ".join(["You", *words[1:]])
    if _NO_ACTION.match(text) or {"me", "us"}.intersection(told):
        return ""
    if told[0].endswith("'s") or (told[0] not in _VERBS and _OF_OTHERS.fullmatch(" ".join(told[1:2]))):
        return ""
    if text.lower().startswith(("be ", "be\0")):
        return " ".join(["You are", *words[1:]])
    return " ".join(["You", words[0][0].lower() + words[0][1:], *words[1:]])


def reply_opening(language: str, seed: int, earlier: Sequence[str]) -> str:
    """Return how a persona's reply begins, otherwise than its last three did. "" for languages without beginnings."""
    known = REPLIES.get(base_tag(language), ())
    used = {text[: len(opening)] for text in earlier[-RECENT:] for opening in known}
    free = [opening for opening in known if opening not in used] or known
    return free[seed % len(free)] if free else ""


def with_opening(opening: str, rest: str) -> str:
    """Return an answer whose ``opening`` was given and of which a model has written the ``rest``.

    A server that does not go on behind the last message begins anew: with the same words, or with others. One that cuts
    the space before its answer gets it back.
    """
    begins = rest.lstrip()
    if not opening or not begins:
        return opening or rest
    said_again = begins.casefold().startswith(opening.casefold()) and not begins[len(opening) :][:1].isalnum()
    if said_again or (begins == rest and begins[0].isupper()):
        return begins
    cut = begins == rest and rest[0].isalnum() and (opening[-1].isalnum() or opening[-1] == ",")
    return f"{opening} {rest}" if cut and not _SUFFIX.match(rest) else opening + rest
