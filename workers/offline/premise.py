"""Reads a premise: protagonist, object, place and danger. What it leaves open comes from the genre."""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import get_args

from workers.cutting import cut_at_word
from workers.offline.catalog import Companion, Genre, GenreWords, catalog
from workers.offline.dice import pick
from workers.offline.english import known_base
from workers.offline.grammar import Value
from workers.offline.words import words

MAX_PREMISE_CHARS = 400
MAX_QUOTE_CHARS = 110
_TAG = re.compile(r"<[^<>]{0,200}>")
_TOKEN = re.compile(r"[A-Za-zÀ-ɏ]+(?:['’-][A-Za-zÀ-ɏ]+)*|[.,;:!?()—–\"“”]")
_SINGULAR = {"a", "an", "one", "my", "his", "her", "your", "the", "their", "our", "its", "this", "that", "another"}
_PLURAL = {"two", "three", "four", "five", "six", "seven", "some", "several", "many"}
_PLACE_PREPOSITIONS = {
    "in": "in", "under": "under", "on": "on", "at": "at", "inside": "inside", "beneath": "beneath", "beyond": "beyond",
    "above": "above", "near": "near", "through": "in", "into": "in", "behind": "behind", "across": "across",
    "aboard": "aboard", "over": "above", "within": "in", "below": "below", "beside": "beside", "onto": "on",
}  # fmt: skip
_NOT_A_THING = {"story", "tale", "novel", "adventure", "game", "day", "night", "time", "way", "world", "life"}
_ALIASES: dict[str, Genre] = {
    "sci-fi": "science fiction", "scifi": "science fiction", "sf": "science fiction", "space": "science fiction",
    "crime": "mystery", "detective": "mystery", "thriller": "mystery", "noir": "mystery", "love": "romance",
    "ghost": "horror", "gothic": "horror", "magic": "fantasy", "fairy tale": "fantasy", "pirate": "adventure",
    "science-fiction": "science fiction", "western": "adventure",
}  # fmt: skip


@dataclass(slots=True)
class Phrase:
    """A noun phrase of the premise: its words without the determiner, and the preposition before it."""

    words: list[str]
    plural: bool
    preposition: str = ""
    proper: bool = False
    start: int = 0
    before: str = ""
    tail: str = ""

    @property
    def head(self) -> str:
        """The last word, in lower case."""
        return self.words[-1].lower()

    @property
    def bare(self) -> str:
        """The phrase without an article."""
        return " ".join(self.words) + self.tail

    @property
    def definite(self) -> Value:
        """The phrase with "the", unless it is a name."""
        return Value(self.bare if self.proper else f"the {self.bare}", self.plural)


@dataclass(frozen=True, slots=True)
class World:
    """What stays the same through a story. ``key`` seeds every choice made for it."""

    genre: Genre
    words: GenreWords
    key: str
    slots: dict[str, Value | str] = field(default_factory=dict[str, Value | str])


def clean(text: str, limit: int = MAX_PREMISE_CHARS) -> str:
    """Return ``text`` as one plain line without markup, emoji, brackets or control characters, cut at a word."""
    text = _TAG.sub(" ", unicodedata.normalize("NFC", text[: limit * 4]))
    kept = (
        char if unicodedata.category(char)[0] in "LMN" or char in " .,;:!?'’-–—…“”\"" else " "
        for char in text.replace("_", " ")
    )
    line = re.sub(r"\s+([.,;:!?])", r"\1", " ".join("".join(kept).split()))
    return cut_at_word(line, limit + 1, "…").strip(" ,;:-–—") if len(line) > limit else line.strip(" ,;:-–—")


def build_world(premise: str, genre: str, seed: int) -> World:
    """Return the world of a story. Any text is a premise: whatever cannot be read comes from the genre."""
    line = clean(premise)
    chosen = find_genre(genre, line)
    lexicon = catalog().genres[chosen]
    key = f"{seed}|{chosen}|{line}"
    phrases, role, name = _read(line)
    dangers = [phrase for phrase in phrases if phrase.head in words().danger_set and not phrase.proper]
    people = [phrase for phrase in phrases if phrase not in dangers and not phrase.proper and _is_person(phrase.head)]
    if not role and not name and people:
        role = people[0].bare if not people[0].plural else _singular(people[0].bare)
        people = people[1:]
    things = [phrase for phrase in phrases if phrase not in dangers and not _is_person(phrase.head)]
    place = next((phrase for phrase in things if phrase.preposition), None)
    thing = next((p for p in things if not p.proper and not p.preposition and p.head not in _NOT_A_THING), None)
    companion = pick(lexicon.companions, key, "companion")
    if met := next((phrase for phrase in people if phrase.before in ("and", "with") and not phrase.plural), None):
        companion = Companion(name=companion.name, role=met.bare.lower())
    # A trade from the word lists is said in full ("map seller"); one from the premise by its last word ("keeper").
    role_text = role.lower() if role else pick(lexicon.roles, key, "role")
    role_short = role_text.rsplit(" ", 1)[-1] if role else role_text
    place_text = pick(lexicon.places, key, "place")
    preposition, place_default = place_text.split(" ", 1)
    object_value = thing.definite if thing else Value(pick(lexicon.objects, key, "object"))
    slots: dict[str, Value | str] = {
        "role": role_short,
        "role_full": role_text,
        "address": name or role_short,
        "object": object_value,
        "object_bare": Value(object_value.text.removeprefix("the "), object_value.plural),
        "place": place.definite if place else Value(place_default),
        "in_place": f"{place.preposition} {place.definite.text}" if place else f"{preposition} {place_default}",
        "danger": _danger(line, dangers, place, chosen, pick(lexicon.dangers, key, "danger")),
        "companion": companion.name,
        "companion_role": companion.role,
        "token": pick(lexicon.tokens, key, "token"),
        "premise": _quotable(premise) or "Nobody knows how it began",
    }
    return World(chosen, lexicon, key, slots)


def find_genre(genre: str, premise: str) -> Genre:
    """Return the genre asked for, else the one whose words the premise uses, else adventure."""
    asked = " ".join(genre.lower().replace("_", " ").split())
    known = get_args(Genre)
    for name in known:
        if name in asked:
            return name
    for alias, name in _ALIASES.items():
        if alias in asked:
            return name
    tokens = {token.lower() for token in _TOKEN.findall(premise)}
    tokens |= {token[:-1] for token in tokens if token.endswith("s")}
    scores = {name: len(tokens & set(catalog().genres[name].keywords.split())) for name in known}
    best = max(known, key=lambda name: scores[name])
    return best if scores[best] else "adventure"


def _quotable(premise: str) -> str:
    line = re.sub(r"[\"“”]", "", clean(premise, MAX_QUOTE_CHARS)).strip(" .,;:!?-–—'’")
    return line[:1].upper() + line[1:]


def _danger(line: str, dangers: list[Phrase], place: Phrase | None, genre: Genre, default: str) -> Value:
    if dangers:
        return dangers[0].definite
    tokens = _TOKEN.findall(line.lower())
    protagonists = tokens[:1] if tokens and _is_person(tokens[0]) else []
    for token in tokens:
        # "… before wolves arrive": a danger named without an article.
        if token in words().danger_set and token.endswith("s") and token not in protagonists:
            return Value(f"the {token}", plural=True)
    if place and genre in ("fantasy", "horror", "adventure", "science fiction"):
        return Value(f"the thing {place.preposition} {place.definite.text}")
    return Value(default)


def _read(line: str) -> tuple[list[Phrase], str, str]:
    """Return the noun phrases after the protagonist, the protagonist's role, and the protagonist's name."""
    tokens = _TOKEN.findall(line)
    phrases = _noun_phrases(tokens)
    if phrases and phrases[0].start == 0 and not phrases[0].preposition:
        first = phrases[0]
        if not first.proper and _is_person(first.head) and first.head not in words().danger_set:
            return phrases[1:], _singular(first.bare) if first.plural else first.bare, ""
        if first.proper:
            if _is_person(first.words[0].lower()):
                return phrases[1:], first.words[0], first.words[-1]
            # "Mara, a thief, finds …": the trade follows the name.
            apposition = len(phrases) > 1 and phrases[1].start == len(first.words) + 1 and _is_person(phrases[1].head)
            return phrases[2 if apposition else 1 :], phrases[1].bare if apposition else "", first.words[0]
    first_word = _singular(tokens[0].lower()) if tokens else ""
    if first_word in words().people_set and first_word not in words().danger_set:
        return phrases, first_word, ""
    return phrases, "", ""


def _noun_phrases(tokens: list[str]) -> list[Phrase]:
    phrases: list[Phrase] = []
    position = 0
    preposition = ""
    while position < len(tokens):
        word = tokens[position].lower()
        if word in _PLACE_PREPOSITIONS:
            preposition, position = _PLACE_PREPOSITIONS[word], position + 1
            continue
        if word in _SINGULAR | _PLURAL:
            body = _phrase_body(tokens, position + 1, singular=word in {"a", "an", "one"})
            if body:
                plural = word in _PLURAL or _looks_plural(body[-1].lower(), word)
                tail = _tail(tokens, position + 1 + len(body))
                before = tokens[position - 1].lower() if position else ""
                phrases.append(Phrase(body, plural, preposition, start=position, before=before, tail=tail))
                position += len(body) + len(tail.split())
        elif name := _name(tokens, position, after_preposition=bool(preposition)):
            phrases.append(Phrase(name, plural=False, preposition=preposition, proper=True, start=position))
            position += len(name) - 1
        preposition = ""
        position += 1
    return phrases


def _tail(tokens: list[str], start: int) -> str:
    """Return " of knives" or " of the moon" where it follows, else nothing."""
    rest = [token.lower() for token in tokens[start : start + 3]]
    if rest[:1] != ["of"]:
        return ""
    count = 3 if rest[1:2] == ["the"] else 2
    last = rest[count - 1] if len(rest) >= count else ""
    noun = len(last) > 2 and last not in words().stop_set | _SINGULAR | _PLURAL
    return " " + " ".join(["of", *tokens[start + 1 : start + count]]) if noun else ""


def _phrase_body(tokens: list[str], start: int, *, singular: bool) -> list[str]:
    body: list[str] = []
    for offset, token in enumerate(tokens[start : start + 5]):
        word = token.lower()
        following = tokens[start + offset + 1].lower() if start + offset + 1 < len(tokens) else "."
        ends = word in words().stop_set or word in _PLACE_PREPOSITIONS or word in _SINGULAR | _PLURAL
        if ends or not token[0].isalpha() or _verb_here(word, following, body, singular=singular):
            break
        body.append(token if token[0].isupper() and offset else word)
    plain = body and len(body[-1]) > 2 and len(" ".join(body)) <= 40 and " ".join(body).isascii()
    return body if plain else []


def _verb_here(word: str, following: str, body: list[str], *, singular: bool) -> bool:
    if not body:
        return False
    closing = following in words().stop_set or following in _PLACE_PREPOSITIONS or following in _SINGULAR | _PLURAL
    if word.endswith(("ed", "ing")):
        return closing or not following[0].isalpha()
    third = word.endswith("s") and not word.endswith(("ss", "us"))
    if third and (singular or known_base(word)):
        return True
    follows_subject = body[-1].endswith("s") or _is_person(body[-1])
    return word in words().verb_set and (follows_subject or following in _SINGULAR | _PLURAL)


def _name(tokens: list[str], position: int, *, after_preposition: bool) -> list[str]:
    name: list[str] = []
    for token in tokens[position : position + 3]:
        if not token[0].isupper() or token.lower() in words().stop_set or token.lower() in _SINGULAR | _PLURAL:
            break
        name.append(token)
    if position == 0 and name:
        # The first word of a sentence is capital anyway: a name only if what follows acts or explains.
        following = tokens[len(name)].lower() if len(name) < len(tokens) else ""
        acts = following.endswith("s") and known_base(following) is not None
        if not (acts or (following == "," and len(name) == 1)) or _is_person(name[-1].lower()):
            return []
    return name if position == 0 or after_preposition else []


def _is_person(word: str) -> bool:
    lists = words()
    forms = {word, _singular(word)}
    if forms & lists.people_set:
        return True
    trade = any(form.endswith(("er", "or", "ist", "ian", "man", "woman", "smith", "ess")) for form in forms)
    return trade and len(word) > 4 and not forms & lists.people_exception_set


def _looks_plural(head: str, determiner: str) -> bool:
    return determiner not in {"a", "an", "one"} and head.endswith("s") and not head.endswith(("ss", "us", "is"))


def _singular(phrase: str) -> str:
    if phrase.endswith("ies"):
        return phrase[:-3] + "y"
    if phrase.endswith(("ches", "shes", "sses", "xes")):
        return phrase[:-2]
    if phrase.endswith("men"):
        return phrase[:-3] + "man"
    return phrase[:-1] if phrase.endswith("s") and not phrase.endswith(("ss", "us", "is")) else phrase


def nouns(text: str, *, apart_from: Collection[str] = (), not_after: Collection[str] = ()) -> list[str]:
    """Return the things named in ``text``, in order and once each, as "the lantern".

    Without those whose noun is in ``apart_from``, and those that follow a word of ``not_after``.
    """
    found: list[str] = []
    for phrase in _noun_phrases(_TOKEN.findall(clean(text, 4000))):
        name = phrase.definite.text
        fits = phrase.head not in apart_from and phrase.before not in not_after
        if fits and not phrase.proper and len(phrase.words) <= 2 and not _is_person(phrase.head) and name not in found:
            found.append(name)
    return found
