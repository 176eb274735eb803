"""The little English the grammar needs: articles, verb forms, and turning what a player typed to second person."""

import re

from workers.offline.words import words

_AN = re.compile(
    r"^(?:hour|honest|honou?r|heir|[aeio]|u(?!ni(?![nm])|s[aeiou]|ti|ra)|[fhlmnrsx](?=\d|-ray\b))", re.IGNORECASE
)
_A_DESPITE_VOWEL = re.compile(r"^(?:one\b|once\b|eu|ewe|ubiq|uk\b)", re.IGNORECASE)
_IRREGULAR = {
    "is": "are", "has": "have", "does": "do", "goes": "go", "was": "were", "isn’t": "aren’t", "dies": "die",
    "lies": "lie", "ties": "tie", "went": "go", "took": "take", "ran": "run", "said": "say", "saw": "see",
    "told": "tell", "gave": "give", "found": "find", "made": "make", "came": "come", "got": "get", "left": "leave",
    "held": "hold", "hid": "hide", "fought": "fight", "threw": "throw", "broke": "break", "spoke": "speak",
    "kept": "keep", "sat": "sit", "stood": "stand", "swam": "swim", "flew": "fly", "drew": "draw", "rode": "ride",
}  # fmt: skip
_SWAPS = {
    "i": "you", "me": "you", "my": "your", "mine": "yours", "myself": "yourself", "am": "are", "i'm": "you’re",
    "i’m": "you’re", "i've": "you’ve", "i’ve": "you’ve", "i'll": "you’ll", "i’ll": "you’ll", "our": "your",
    "we": "you", "ours": "yours", "ourselves": "yourselves", "im": "you’re",
}  # fmt: skip
_LEAD = re.compile(
    r"^(?:(?:and|then|so|ok|okay|now|please|maybe|well|first|just)[, ]+)*"
    r"(?:(?:i|we|you)(?: (?:will|would like to|want to|decide to|choose to|try to|am going to|should|could)"
    r"|['’](?:ll|d like to))? "
    r"|let['’]?s |let us |let me |to |(?:try|attempt|decide|choose|want) to )?"
    r"(?:(?:just|then|finally) )?",
    re.IGNORECASE,
)
_THIRD = re.compile(r"^(?:(?:the|a|an|my|our) \w+|he|she|they|it) (?=\w+)", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def with_article(text: str) -> str:
    """Return ``text`` with "a" or "an" before it."""
    an = _AN.match(text) and not _A_DESPITE_VOWEL.match(text)
    return f"{'an' if an else 'a'} {text}"


def base_verb(verb: str) -> str:
    """Return the plural present (base) form of a third-person verb: ``waits`` is ``wait``, ``carries`` is ``carry``."""
    if verb in _IRREGULAR:
        return _IRREGULAR[verb]
    if verb.endswith("ies"):
        return verb[:-3] + "y"
    if verb.endswith(("ches", "shes", "sses", "xes", "zzes")):
        return verb[:-2]
    return verb[:-1] if verb.endswith("s") and not verb.endswith("ss") else verb


def known_base(word: str) -> str | None:
    """Return the base form of a form of a known verb (open, opens, opened), else None."""
    word = word.lower()
    candidates = [word, _IRREGULAR.get(word, ""), base_verb(word)]
    if word.endswith("ed"):
        candidates += [word[:-1], word[:-2], word[:-3], word[:-3] + "y"]
    verbs = words().verb_set
    return next((candidate for candidate in candidates if candidate in verbs), None)


def second_person(action: str) -> str | None:
    """Return what a player wrote as the phrase that follows "you": "I open my bag!" is "open your bag".

    None if it is not an action in the grammar's English; callers then quote it.
    """
    text = action.strip().rstrip(".!…, ")
    text = _LEAD.sub("", text, count=1).strip()
    phrase = _from_verb(text)
    if phrase is None and (third := _THIRD.match(text)):
        phrase = _from_verb(text[third.end() :], third_person=True)
    if phrase is None:
        return None
    return _WORD.sub(lambda match: _SWAPS.get(match[0].lower(), match[0]), phrase)


def _from_verb(text: str, *, third_person: bool = False) -> str | None:
    match = _WORD.match(text)
    if match is None:
        return None
    first = match[0].lower()
    if first.endswith("ly") and (following := _from_verb(text[match.end() :].lstrip())):
        return f"{first} {following}"
    base = known_base(first)
    # A bare noun ("lights") must not pass as a verb unless a person was named before it.
    if base is None or (first != base and first.endswith("s") and not third_person):
        return None
    return base + text[match.end() :]


def second_person_clause(sentence: str) -> str:
    """Return a first-person statement as the listener would echo it: "I lost my cat" is "you lost your cat"."""
    text = sentence.strip().rstrip(".!…, ")
    echoed = _WORD.sub(lambda match: _SWAPS.get(match[0].lower(), match[0]), text)
    echoed = re.sub(r"\byou was\b", "you were", echoed, flags=re.IGNORECASE)
    return echoed[:1].lower() + echoed[1:]
