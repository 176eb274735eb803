"""Turns what is said about somebody into what they say themselves: "Vex steals keys" is "I steal keys".

By careful rule: whatever leaves open who is meant gives None, and nobody says it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from workers.offline.english import base_verb
from workers.offline.persona.words import word_set
from workers.offline.words import words

MOST_WORDS: Final = 20
"""Words of a sentence that somebody says of themselves; a longer one is cut at a clause."""
MOST_CHARS: Final = 500
"""Characters of a sentence that is read at all."""
_FEWEST_WORDS: Final = 3
_AUX: Final = {
    "is": "am", "was": "was", "has": "have", "does": "do", "isn't": "am not", "wasn't": "wasn't",
    "hasn't": "haven't", "doesn't": "don't", "goes": "go",
}  # fmt: skip
_SHORT: Final = {"'s": "'m", "'d": "'d", "'ll": "'ll", "'re": "'m", "'ve": "'ve"}
_HAS: Final = re.compile(
    r"^(?:been|got|had|never|always|just|become|gone|lost|seen|taken|made|given|\w+ed)\b", re.IGNORECASE
)
_ODD_BASES: Final = {"focuses": "focus", "echoes": "echo", "refuses": "refuse", "uses": "use", "canvasses": "canvass"}
_ADVERB: Final = re.compile(
    r"^(?:always|never|often|also|still|sometimes|usually|once|now|then|only|just|rarely|seldom|even|both|really|"
    r"[a-z]+ly)$"
)
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_TITLES: Final = word_set(
    "captain sister brother doctor professor lady lord sir mister miss madam madame king queen prince princess father "
    "mother aunt uncle sergeant major colonel general detective inspector agent nurse chef master mistress old saint"
)
_ANYBODY: Final = "friend|boss|neighbou?r|teacher|mentor|partner|ghost|captain|twin|rival|child|lover|stranger"
_OTHERS: Final = {
    "she": re.compile(
        rf"\b(?:mother|mum|mom|sister|aunt|wife|daughter|grandmother|gran|girl|woman|queen|lady|mistress|princess|{_ANYBODY})s?\b",
        re.IGNORECASE,
    ),
    "he": re.compile(
        rf"\b(?:father|dad|brother|uncle|husband|son|grandfather|boy|man|king|lord|master|prince|{_ANYBODY})s?\b",
        re.IGNORECASE,
    ),
}
"""Whom a pronoun may mean instead."""
_SUBJECTS: Final = {
    "he": ("his", "him", "himself"),
    "she": ("her", "her", "herself"),
    "they": ("their", "them", "themselves"),
}
_PRONOUN: Final = re.compile(r"\b(?:he|she|him|his|her|hers|himself|herself)\b", re.IGNORECASE)
_MODALS: Final = word_set(
    "can could will would must may might should cannot can't had did couldn't won't wouldn't didn't hadn't"
)
_OPENS: Final = re.compile(
    r"^(?:the|a|an|his|her|their|my|in|on|at|to|for|with|out|up|down|off|over|through|from|by|into|about|every|all|"
    r"no|not|what|whatever|who|that|it|them|him|like|as|around|away|back|too|more|than|always|never|\d+)$"
)
_LINKS: Final = re.compile(r"^(?:and|or|but|in|on|at|of|from|with|for|that|which|who|to|by|as|are|were|have)$")
_CLAUSE: Final = re.compile(r"\s*(?:;|—|–| - |, (?:and|but|which|who|where|while|though|although|so|yet|or)\b|,)\s*")
_LISTING: Final = re.compile(r"\s*, (?!(?:and|but|which|who|where|while|though|although|so|yet|or)\b)")
"""A comma within a list, behind whose first entry it may end."""
_POSSESSED: Final = re.compile(r"^[^\W\d_][\w’'-]*")
_NOT_POSSESSED: Final = re.compile(
    r"^(?:to|in|on|at|and|or|but|for|with|from|by|as|a|an|the|how|what|that|when|if|is|was|out|up|away|back|into|off|"
    r"until|because|too|again|so|alone|through|over|down|about|every|like)$",
    re.IGNORECASE,
)
_ORDER: Final = re.compile(
    r"^(?:always|never|do|don't|stay|write|speak|avoid|use|keep|respond|reply|describe|remember|note|act|play|let)\b"
    r"|\b(?:must|should|in character|roleplay|respond|responses?|repl(?:y|ies)|narrat\w+|user)\b",
    re.IGNORECASE,
)
"""What a card tells a model to do, not what anybody is."""
_YOU_WERE: Final = re.compile(r"\byou (is|was|has|does)\b")


@dataclass(frozen=True, slots=True)
class CardPerson:
    """Of whom a card tells: their names, the pronoun that is theirs if it is plain, and what the user is called."""

    names: tuple[str, ...]
    pronoun: str = ""
    user: str = ""

    @classmethod
    def of(cls, names: Sequence[str], text: str, user: str = "") -> "CardPerson":
        """Return of whom a text tells: the pronoun that it has most often, if no other comes near."""
        counted = {
            each: len(re.findall(rf"\b(?:{each}|{forms[0]})\b", text, re.IGNORECASE))
            for each, forms in _SUBJECTS.items()
        }
        ordered = sorted(counted, key=lambda each: -counted[each])
        plain = counted[ordered[0]] > 2 * counted[ordered[1]]
        known = tuple(sorted({each for name in names for each in (name, *_first(name)) if each}, key=len, reverse=True))
        return cls(known, ordered[0] if plain else "", user)


def _first(name: str) -> list[str]:
    found = [part for part in name.split() if part[:1].isupper() and not part.endswith(".")]
    if len(found) < 2 or found[0].lower() == "the":
        return []
    return [found[1] if found[0].lower() in _TITLES else found[0], " ".join(found)]


def recast(sentence: str, who: CardPerson, *, bare: bool = False) -> str | None:
    """Return a sentence about somebody as their own; None if that cannot be done cleanly.

    ``bare``: a sentence that begins with its verb is about them, too ("Loves rain.").
    """
    text = _without_marks(sentence[: MOST_CHARS + 1])
    if len(text) > MOST_CHARS or text.endswith("?") or re.search(r"[{}<>\[\]|=“”\"]", text):
        return None
    text = _to_listener(text, who.user)
    if text is None:
        return None
    if re.match(r"(?:I|I['’]\w+|My)\b", text):
        return _finished(text)
    subject = _subject(text, who)
    if subject is None:
        first = _WORD.match(text)
        if bare and first is not None and _is_verb(first[0].lower()):
            subject = ("I", text)
        else:
            return None
    said = _predicate(*subject, who)
    return None if said is None else _finished(said)


def neutral(sentence: str, who: CardPerson) -> str | None:
    """Return a sentence about something else as the persona says it: of a place, of others; None if it is not plain."""
    text = _without_marks(sentence[: MOST_CHARS + 1])
    if len(text) > MOST_CHARS:
        return None
    if re.match(r"(?:It is|It's|It rains|It was|It has) ", text) and who.pronoun != "it":
        text = text.replace("It's", "It is", 1)
    elif (
        re.match(r"(?:he|she|it|they|this|that|these|those|and|but|so|then)\b", text, re.IGNORECASE)
        or not text[:1].isupper()
    ):
        return None
    if text.endswith(("?", ":")) or re.search(r"[{}<>\[\]|=“”\"]", text) or _ORDER.search(text):
        return None
    listened = _to_listener(text, who.user)
    if listened is None or not listened.isascii():
        return None
    said = own_words(listened, who)
    return None if said is None else _finished(said)


def _without_marks(text: str) -> str:
    text = re.sub(r"^[\s•\-–—*#>]+|[*_`]+| ?\((?:he|she|they)/\w+(?:/\w+)?\)", "", text, flags=re.IGNORECASE)
    return text.replace("’", "'").strip()


def _to_listener(text: str, user: str) -> str | None:
    """Return a text with "you" for the user's name; None where the user is who acts."""
    if not user or not re.search(rf"\b{re.escape(user)}\b", text):
        return text
    name = re.escape(user)
    if re.match(rf"{name}\b(?!['’]s)", text):
        return None
    text = re.sub(rf"\b{name}['’]s\b", "your", text)
    text = re.sub(rf"\b{name}\b", "you", text)
    return None if _YOU_WERE.search(text) else text


def _subject(text: str, who: CardPerson) -> tuple[str, str] | None:
    """Return "I" or "My", and what follows; None if the sentence is about something else."""
    for each in (*who.names, who.pronoun):
        if not each:
            continue
        flags = re.IGNORECASE if each == who.pronoun else 0
        name = re.escape(each)
        if found := re.match(rf"{name}(?P<short>'s|'d|'ll|'re|'ve)?(?P<appositive>,)? ", text, flags):
            rest = text[found.end() :]
            if found["appositive"]:
                _, comma, rest = rest.partition(", ")
                if not comma:
                    return None
            if found["short"] == "'s" and each != who.pronoun:
                return ("My", rest)
            if found["short"] == "'s" and _HAS.match(rest):
                return ("I've", rest)
            return (f"I{_SHORT.get(found['short'] or '', '')}", rest)
        if each == who.pronoun and (found := re.match(rf"{_SUBJECTS[each][0]} ", text, re.IGNORECASE)):
            return ("My", text[found.end() :])
    return None


def _predicate(subject: str, rest: str, who: CardPerson) -> str | None:
    if subject == "I":
        changed = _first_verb(rest, plural=who.pronoun == "they")
        if changed is None:
            return None
        rest = changed
    own = own_words(rest, who)
    return None if own is None else f"{subject} {own}"


def _first_verb(rest: str, *, plural: bool) -> str | None:
    """Return what follows "I" with its verb, behind adverbs, in the first person."""
    said = rest.split(" ")
    for at, word in enumerate(said[:4]):
        verb = word.strip(",").lower()
        if _ADVERB.match(verb):
            continue
        if verb in _AUX:
            said[at] = _AUX[verb]
        elif verb == "are" and plural:
            said[at] = "am"
        elif verb in _MODALS or (verb.endswith("ed") or verb in words().verb_set or _is_past(verb)):
            pass
        elif _is_verb(verb):
            said[at] = _base(verb)
        else:
            return None
        return " ".join(said[: at + 1]) + _further_verbs(" ".join(said[at + 1 :]))
    return None


def _further_verbs(rest: str) -> str:
    """Return the rest with verbs behind "and" in the first person; it ends where it is not plain what is a verb."""
    said: list[str] = []
    parts = rest.split(" ") if rest else []
    for at, word in enumerate(parts):
        before = parts[at - 1].lower() if at else ""
        plain = word.strip(",.;:!").lower()
        behind = at > 1 and _ADVERB.match(before) is not None
        if behind:
            before = parts[at - 2].lower()
        if before in ("and", "but", "or", "then", "who") or before.endswith(","):
            ends = plain.endswith("s") and not plain.endswith(("ss", "'s", "us")) and len(plain) > 3 and plain != "this"
            following = parts[at + 1].strip(",.;:!").lower() if at + 1 < len(parts) else ""
            verb = plain in _AUX or (ends and (behind or base_verb(plain) in words().verb_set))
            if (
                ends
                and not verb
                and following
                and word[-1].isalpha()
                and not _LINKS.match(following)
                and not _in_relative(parts[:at])
            ):
                return " " + " ".join(said).rstrip(",;: ").removesuffix(" and").removesuffix(",")
            if verb and before != "who" and not _in_relative(parts[:at]):
                plural = following.endswith("s") and not following.endswith(("ss", "us", "is"))
                if not (
                    plain in _AUX or not following or plural or _OPENS.match(following) or _ADVERB.match(following)
                ):
                    return " " + " ".join(said).rstrip(",;: ").removesuffix(" and").removesuffix(",")
                if plain not in _AUX and not following and before.endswith(","):
                    said.append(word)
                    continue
                changed = _AUX.get(plain) or _base(plain)
                said.append(word.lower().replace(plain, changed))
                continue
        said.append(word)
    return (" " + " ".join(said)) if said else ""


def _goes_on(word: str) -> bool:
    """Return whether a word behind what may be a verb shows that it is one: "repairs clocks", "runs away"."""
    plural = word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return plural or (_OPENS.match(word) or _ADVERB.match(word)) is not None


def _in_relative(before: Sequence[str]) -> bool:
    return any(word.lower() in ("who", "which", "that", "where") for word in before)


def own_words(rest: str, who: CardPerson) -> str | None:
    """Return words with "my", "me" and "I" for the persona's pronouns and name; None where others may be meant."""
    pronoun = who.pronoun
    if _PRONOUN.search(rest):
        if pronoun not in _OTHERS or _is_open(rest, pronoun):
            return None
        rest = re.sub(rf"\b{pronoun}'s (?=\w+ed\b|been\b|got\b)", "I've ", rest, flags=re.IGNORECASE)
        rest = re.sub(rf"\b{pronoun}'s\b", "I'm", rest, flags=re.IGNORECASE)
        rest = re.sub(r"\b(?:himself|herself)\b", "myself", rest, flags=re.IGNORECASE)
        rest = re.sub(r"\bhers\b", "mine", rest, flags=re.IGNORECASE)
        rest = re.sub(rf"\b{pronoun} (\w+'?\w*)", _subject_again, rest, flags=re.IGNORECASE)
        if pronoun == "he":
            rest = re.sub(r"\bhis\b", "my", re.sub(r"\bhim\b", "me", rest, flags=re.IGNORECASE), flags=re.IGNORECASE)
        else:
            rest = re.sub(r"\bher\b(?P<after>\s*\S*)", _her, rest, flags=re.IGNORECASE)
    for name in who.names:
        if re.search(rf"\b{re.escape(name)}\b(?!['’]s)", rest):
            return None
        rest = re.sub(rf"\b{re.escape(name)}'s\b", "my", rest)
    return rest


def _is_open(rest: str, pronoun: str) -> bool:
    """Return whether a pronoun may be somebody else's, or is one's who was not named."""
    other = _OTHERS[pronoun].search(rest)
    if other and re.search(rf"\b{pronoun}\b", rest[other.end() :], re.IGNORECASE):
        return True
    strange = "he" if pronoun == "she" else "she"
    theirs = re.search(rf"\b(?:{'|'.join((strange, *_SUBJECTS[strange]))})\b", rest, re.IGNORECASE)
    named = _OTHERS[strange].search(rest)
    return theirs is not None and (named is None or named.start() > theirs.start())


def _subject_again(match: re.Match[str]) -> str:
    verb = match[1].lower()
    if verb in _AUX:
        return f"I {_AUX[verb]}"
    return f"I {_base(verb) if _is_verb(verb) else match[1]}"


def _her(match: re.Match[str]) -> str:
    after = match["after"].strip().strip(",.;:!")
    mine = _POSSESSED.match(after) and not _NOT_POSSESSED.match(after) and not match["after"].startswith((",", "."))
    return f"{'my' if mine else 'me'}{match['after']}"


def _is_verb(word: str) -> bool:
    return word in _AUX or (word.endswith("s") and not word.endswith(("ss", "'s", "ous", "us")) and len(word) > 3)


_PAST: Final = word_set(
    "was were had did went came saw took felt heard stood sat ran knew thought said told found gave made got kept held "
    "began left fell caught brought spoke threw drew rose led lost won grew learnt became taught bought sold met built "
    "wrote sang stole fought rode swore spent paid broke chose slept died"
)


def _is_past(word: str) -> bool:
    return word in _PAST


def _base(verb: str) -> str:
    return _AUX.get(verb) or _ODD_BASES.get(verb) or base_verb(verb)


def _finished(text: str) -> str | None:
    """Return a sentence, cut at a clause if it is long; None if nothing of use is left."""
    text = " ".join(text.split()).rstrip(" ,;:-–—")
    if len(_WORD.findall(text)) > MOST_WORDS:
        ends = [match.start() for match in _CLAUSE.finditer(text)]
        fitting = [end for end in ends if 5 <= len(_WORD.findall(text[:end])) <= MOST_WORDS]
        if not fitting:
            return None
        plain = [end for end in fitting if _LISTING.match(text, end)]
        text = text[: plain[0] if plain else fitting[-1]]
    if len(_WORD.findall(text)) < _FEWEST_WORDS or text.count("(") != text.count(")"):
        return None
    text = re.sub(r"\bi\b", "I", text)
    return (text[:1].upper() + text[1:]).rstrip(".") + ("" if text.endswith(("!", "…")) else ".")
