"""What a card says of somebody, in their own words, and what of that answers a question. Any card's."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, cast

from workers.offline.dice import pick, roll
from workers.offline.english import second_person_clause, with_article
from workers.offline.persona.introductions import age_in, introduced, told_apart
from workers.offline.persona.lines import kind_lines
from workers.offline.persona.recast import CardPerson, neutral, own_words, recast
from workers.offline.persona.sheets import attributes
from workers.offline.persona.words import WORD, aspects_of, content, sentences, topics_of

MOST_CHARS: Final = 24_000
"""Characters of one text of a card that are read."""
_TEXTS: Final = (
    "tagline", "description", "personality", "interests", "preferences", "appearance", "scenario", "example_dialogue",
)  # fmt: skip
MOST_FACTS: Final = 400
LONGEST_EXAMPLE: Final = 45
"""Words of a line of the example dialogue that is said again."""
_FIRST: Final = re.compile(r"\b(?:I|I['’]\w+|my|me|mine)\b")
_REASON: Final = re.compile(
    r"\b(?:because|since|so that|ever since|in order to|that is why|as long as|after my|thanks to)\b", re.IGNORECASE
)
_TIME: Final = re.compile(
    r"\b(?:when|once|ago|years?|night|morning|evening|always|never|every|day|week|winter|summer|since|until|\d{4})\b",
    re.IGNORECASE,
)
_PLACE: Final = re.compile(
    r"\b(?:in|at|on|under|above|near|behind|beyond|from|by the) (?:the|a|an|my|[A-Z])", re.IGNORECASE
)
_ROMANCE: Final = re.compile(
    r"\b(?:romance|romantic|kiss|marri|lover|in love|girlfriend|boyfriend|dating)", re.IGNORECASE
)
_NUMBER: Final = re.compile(
    r"\b(?:\d+|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|twenty|thirty|forty|"
    r"fifty|hundred|thousand|once|twice|both)\b",
    re.IGNORECASE,
)
_PAST: Final = re.compile(
    r"\bI (?:[a-z]+ )?(?:was|did|had|stole|spent|found|lost|left|grew|came|[a-z]{3,}ed)\b"
    r"|\b(?:once|ago|there was|last)\b",
    re.IGNORECASE,
)
_NEGATIVE: Final = re.compile(
    r"\b(?:not|never|no|nobody|hate|dislike|can't|cannot|don't|afraid|fear|without|refuse|allergic)\b", re.IGNORECASE
)
_PLACED: Final = re.compile(r"You (?:meet|find|met) [^:.]{1,80}: ((?:an?|the) .{3,120})$")
_JOINED: Final = frozenset({"hair", "eyes"})
_CLOTHES: Final = re.compile(
    r"\b(?:coat|jersey|shirt|dress|jacket|gloves|waistcoat|hat|boots|trousers|apron|cloak|robe|uniform|tie|scarf|suit|skirt|"
    r"sweater|jumper|hoodie|armou?r|vest|spectacles|glasses|tailcoat|socks|shoes|jeans|cap|kimono|overalls)\b"
)  # fmt: skip
_BODY: Final = re.compile(
    r"\b(?:hair|eyes?|beard|skin|freckles|scars?|teeth|gap|hands|horns|tail|wings|ears|moustache|tattoos?)\b"
)
_TURN: Final = re.compile(r",? (?:who|that|which|because|since|and|in|at|under|from|until|when|where)\b")
"""Where a sentence may end as well."""
_WORDS_LEFT: Final = range(4, 11)
"""Words of what is left then."""
_BARE: Final = re.compile(r"\b(?:am|is|are|was|were) (?:an?|the) \S+$")
"""What would be left says no more than what kind of thing something is."""
_SAYS: Final = tuple(
    (aspect, re.compile(pattern))
    for aspect, pattern in (
        ("likes", r"^I (?:\w+ly )?(?:love|like|adore|enjoy|collect|am fond|prefer)\b"),
        (
            "age",
            (
                r"\b\d+[- ]years?[- ]old\b|\bI am (?:about |nearly )?\d+\b|\bin my (?:early |late |mid-?)?\w+ties\b"
                r"|\b(?:man|woman|girl|boy|adult|person|lady|gentleman) of (?:about |nearly )?\w+"
            ),
        ),
        ("work", r"^I (?:run|command|guard|lead|teach|sell|repair|build|serve|heal|sail|manage|own an?)\b"),
        ("origin", r"\b(?:grew up|come from|comes from|was born)\b"),
        ("past", r"\b(?:grew up|was born|used to|once|ago|years? before|when I was|I was an?|before I)\b"),
        ("past", r"\blearn(?:ed|t) to\b"),
        ("home", r"\bI (?:live|dwell|rent|sleep|stay) (?:in|at|on|above|under|near|with|alone|here)\b"),
        ("home", r"\b(?:town|village|city) of [A-Z]"),
    )
)  # fmt: skip
_SPECIFIC: Final = {
    "age": "age", "species": "self", "traits": "self", "looks": "looks", "hair": "looks", "eyes": "looks",
    "clothes": "looks", "food": "likes",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CardFact:
    """Something that the persona can say. ``asked`` are the words of a question that it is known to answer.

    ``own``: in the persona's own words already, of several sentences perhaps.
    """

    text: str
    words: frozenset[str]
    aspects: frozenset[str]
    topics: frozenset[str]
    source: str
    own: bool = False
    asked: frozenset[str] = frozenset()

    @property
    def negative(self) -> bool:
        """Whether it denies or dislikes something."""
        return "dislikes" in self.aspects or "fears" in self.aspects or _NEGATIVE.search(self.text) is not None

    @property
    def short(self) -> str:
        """Its beginning, if that says something by itself; else all of it."""
        if self.own or self.source in ("sheet", "appearance"):
            return self.text
        heads = (self.text[: turn.start()] for turn in _TURN.finditer(self.text))
        said = [each for each in heads if len(each.split()) in _WORDS_LEFT and not _BARE.search(each)]
        return f"{said[-1]}." if said else self.text

    @property
    def past(self) -> bool:
        """Whether it tells of something that happened."""
        return _PAST.search(self.text) is not None

    def gives(self, kind: str) -> bool:
        """Return whether it says what a question of a kind wants: a reason, a time, a place, a number."""
        pattern = {"why": _REASON, "when": _TIME, "where": _PLACE, "how_many": _NUMBER}.get(kind)
        return pattern is not None and pattern.search(self.text) is not None


def facts_of(
    card: Mapping[str, Any], *, names: Sequence[str], user: str, lore: Iterable[str], memories: Iterable[str]
) -> list[CardFact]:
    """Return what is known, each once: of the card, of its lore, and of what is remembered of the user."""
    found = [
        *_read(tuple((name, _plain(card.get(name))) for name in _TEXTS), tuple(names), user),
        *(fact for text in lore for fact in _of_lore(text, CardPerson.of(names, _told(card), user))),
        *(fact for text in memories for fact in _of_memory(text, user)),
    ]
    unique = {fact.text: fact for fact in reversed(found)}
    return list(reversed(unique.values()))[:MOST_FACTS]


@lru_cache(maxsize=32)
def _read(
    texts: tuple[tuple[str, str | tuple[str, ...]], ...], names: tuple[str, ...], user: str
) -> tuple[CardFact, ...]:
    """Return what a card says; it is the same for all messages of a chat."""
    return tuple(_of_card(dict(texts), names, user))


def _plain(value: object) -> str | tuple[str, ...]:
    if isinstance(value, list | tuple):
        return tuple(str(each)[:MOST_CHARS] for each in cast("Sequence[object]", value))
    return str(value or "")[:MOST_CHARS]


def _told(card: Mapping[str, Any]) -> str:
    return "\n".join(str(card.get(name) or "") for name in ("description", "appearance", "scenario", "preferences"))


def _text(card: Mapping[str, Any], name: str) -> str:
    value = card.get(name) or ""
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, cast("Sequence[object]", value)))
    return str(value)[:MOST_CHARS]


def _of_card(card: Mapping[str, Any], names: Sequence[str], user: str) -> Iterator[CardFact]:
    who = CardPerson.of(names, _told(card), user)
    yield from _of_tagline(_text(card, "tagline"))
    listed, prose = attributes(_text(card, "description"))
    for name, values in listed.items():
        yield from _of_values(name, values, who)
    addressed = re.match(r"\s*You are\b", prose) is not None
    yield from _of_prose(prose, who, "description", addressed=addressed)
    yield from _of_traits(card.get("personality"), who)
    yield from _of_values("likes", _entries(card.get("interests")), who)
    yield from _of_preferences(_text(card, "preferences"), who)
    yield from _of_looks(_text(card, "appearance"), who)
    yield from _of_scenario(_text(card, "scenario"), who)
    yield from _of_examples(_text(card, "example_dialogue"), names)


def _fact(text: str, source: str, *aspects: str, own: bool = False) -> CardFact:
    words = content(text)
    found = aspects_of(words) | set(aspects)
    found = frozenset(aspects) if aspects and source in ("sheet", "appearance") else found
    told = _SAYS if source != "sheet" else ()
    found |= {aspect for aspect, pattern in told if pattern.search(text)}
    if source in ("description", "tagline") and re.match(r"I(?:'m| am| was| work)\b", text):
        lives = source == "description" and _PLACE.search(text) and not _CLOTHES.search(text)
        found |= {"self", "home"} if lives else {"self"}
    if "likes" in found and not _ROMANCE.search(text):
        found -= {"love"}
    return CardFact(text, words, frozenset(found), topics_of(words), source, own)


def _of_values(name: str, values: Sequence[str], who: CardPerson) -> Iterator[CardFact]:
    """Yield a sentence for each value of a list."""
    templates = kind_lines().sheet.get(name, ())
    first = roll(len(templates), *values[:1]) if templates else 0
    if name in _JOINED and values:
        values = [" and ".join(values[:3])]
    for at, given in enumerate(values, first):
        value = own_words(given.strip(), who) or ""
        if name in ("past", "secret", "family", "friends") and len(WORD.findall(value)) > 7:
            said = recast(value, who, bare=True)
            if said:
                yield _fact(said, "sheet", name)
            continue
        if not templates or not value or len(WORD.findall(value)) > 12 or not value.isascii():
            continue
        bare = value if value[:2].isupper() or name in ("home", "origin", "family") else value[:1].lower() + value[1:]
        slots = {
            "value": bare,
            "Value": bare[:1].upper() + bare[1:],
            "a": bare if bare.startswith(("a ", "an ", "the ")) else with_article(bare),
        }
        yield _fact(templates[at % len(templates)].format(**slots), "sheet", _SPECIFIC.get(name, name))


def _entries(value: object) -> list[str]:
    if isinstance(value, str):
        value = [value]
    given = list(cast("Iterable[object]", value)) if isinstance(value, list | tuple) else []
    return [part for each in given for part in re.split(r"\s*[,;\n]\s*", str(each).strip(" .")) if part]


def _of_traits(value: object, who: CardPerson) -> Iterator[CardFact]:
    given = (
        [value]
        if isinstance(value, str)
        else cast("Sequence[object]", value if isinstance(value, list | tuple) else ())
    )
    for each in map(str, given):
        listed, prose = attributes(each[:MOST_CHARS])
        for name, values in listed.items():
            yield from _of_values(name, values, who)
        for sentence in sentences(prose):
            said = recast(sentence, who)
            if said:
                yield _fact(said, "description", "self")
            elif not re.search(r"[.!?]\s", sentence):
                traits = [part for part in re.split(r"\s*[,;]\s*", sentence.strip(" .")) if part]
                yield from _of_values("traits", [trait for trait in traits if len(WORD.findall(trait)) <= 6], who)


def _of_tagline(text: str) -> Iterator[CardFact]:
    head = re.split(r",|;| – | — |\. ", text.strip().rstrip("."), maxsplit=1)[0]
    if not 2 <= len(WORD.findall(head)) <= 14 or re.search(r"[!?:]", head) or not head.isascii():
        return
    head = head[:1].lower() + head[1:]
    if not re.match(r"(?:a|an|the|your|one)\b", head):
        head = (
            f"the {head}"
            if re.match(r"(?:[a-z-]+ ){0,3}?[a-z-]+(?:er|or|ess|ian|ist) of\b", head)
            else with_article(head)
        )
    yield _fact(f"I am {head}.", "tagline", "self", "work")


def _of_prose(text: str, who: CardPerson, source: str, *aspects: str, addressed: bool = False) -> Iterator[CardFact]:
    for at, sentence in enumerate(sentences(text)):
        if addressed and (found := re.match(r"You(r?) ", sentence)):
            said = _addressed(sentence, plural=found[1] == "r")
        else:
            said = introduced(sentence, who, first=at == 0) if source == "description" else None
            said = said or recast(sentence, who, bare=source == "preferences") or neutral(sentence, who)
        if said:
            yield from (_fact(each, source, *aspects) for each in told_apart(said))
        if source == "description" and (age := age_in(sentence)):
            yield _fact(f"I am {age} years old.", "sheet", "age")


def _addressed(sentence: str, *, plural: bool) -> str | None:
    """Return what a card tells its persona ("You run a bar.") as the persona says it."""
    said = re.sub(r"\byour\b", "my", sentence, flags=re.IGNORECASE)
    said = re.sub(r"^You are\b", "I am", said) if not plural else said
    said = re.sub(r"^You ", "I ", said)
    if re.search(r"\byou\b", said, re.IGNORECASE):
        return None
    return recast(said[:1].upper() + said[1:], CardPerson(()))


def _of_preferences(text: str, who: CardPerson) -> Iterator[CardFact]:
    prose = [fact for fact in _of_prose(text, who, "preferences") if _FIRST.search(fact.text)]
    yield from prose
    if not prose and len(WORD.findall(text)) <= 30:
        for each in _entries(text):
            denied = re.match(r"(?:no|not|never|hates?|dislikes?) (.+)", each, re.IGNORECASE)
            liked = re.sub(r"^(?:likes?|loves?|enjoys?) ", "", each, flags=re.IGNORECASE)
            yield from _of_values("dislikes" if denied else "likes", [denied[1] if denied else liked], who)


def _of_looks(text: str, who: CardPerson) -> Iterator[CardFact]:
    prose = [said for sentence in sentences(text) if (said := recast(sentence, who))]
    yield from (_fact(said, "appearance", "looks") for said in prose)
    if prose:
        return
    head, _, rest = text.strip().rstrip(".").partition(" with ")
    if re.match(r"(?:An?|The) ", head) and len(WORD.findall(head)) <= 10:
        yield _fact(f"I am {head[:1].lower()}{head[1:]}.", "appearance", "looks", "self")
    elif not rest:
        rest = text.strip().rstrip(".")
    for part in re.split(r",\s*(?:and )?|;\s*| and (?=an? |the )", rest):
        item = own_words(part.strip(" ."), who) or ""
        if not 1 <= len(WORD.findall(item)) <= 9 or not item.isascii():
            continue
        item = item[:1].lower() + item[1:]
        kind = "clothes" if _CLOTHES.search(item) else "body" if _BODY.search(item) else "mark"
        templates = kind_lines().sheet[kind]
        if re.match(r"(?:in|wears?|wearing|has|dressed) ", item):
            item = item.partition(" ")[2].removeprefix("in ")
        yield _fact(pick(templates, item).format(value=item), "appearance", "looks")


def _of_scenario(text: str, who: CardPerson) -> Iterator[CardFact]:
    for sentence in sentences(text):
        if placed := _PLACED.match(sentence):
            yield _fact(f"This is {placed[1].rstrip('.')}.", "scenario", "here")
        elif said := recast(sentence, who) or neutral(sentence, who):
            fragment = re.match(r"An? (?!.*\b(?:is|are|was|were|has|have|stands?|lies|waits?|smells?)\b)", said)
            if fragment and len(WORD.findall(said)) <= 10:
                said = f"This is {said[:1].lower()}{said[1:]}"
            yield _fact(said, "scenario", "here")


def _of_examples(text: str, names: Sequence[str]) -> Iterator[CardFact]:
    """Yield what the persona says in the example dialogue, with the words that it answers there."""
    own = {name.lower() for each in names for name in (each, each.split()[0] if each.split() else "") if name} | {
        "{{char}}"
    }
    asked: frozenset[str] = frozenset()
    for line in text.split("\n"):
        label, colon, said = line.partition(":")
        said = re.sub(r"\*[^*\n]*\*", "", said).strip(' "“”')
        if not colon or not said:
            continue
        if label.strip(" *").lower() not in own:
            asked = content(said)
            continue
        if 3 <= len(WORD.findall(said)) <= LONGEST_EXAMPLE and said.isprintable() and "{" not in said:
            fact = _fact(" ".join(said.split()), "examples", own=True)
            telling = _FIRST.search(said) and not re.search(r"\?|\byou", said)
            yield (
                replace(fact, asked=asked)
                if telling
                else CardFact(fact.text, frozenset(), frozenset(), frozenset(), "examples", True, asked)
            )
        asked = frozenset()


def of_lines(lines: Iterable[str]) -> Iterator[CardFact]:
    """Yield lines of a persona's own voice that tell something: those without placeholders, in the first person."""
    for line in lines:
        if "{" not in line and "[" not in line and "?" not in line and _FIRST.search(line):
            yield _fact(line, "voice", own=True)


def _of_lore(text: str, who: CardPerson) -> Iterator[CardFact]:
    _, prose = attributes(text[:MOST_CHARS])
    for sentence in sentences(prose):
        if said := recast(sentence, who) or neutral(sentence, who):
            yield _fact(said, "lore")


def _of_memory(text: str, user: str) -> Iterator[CardFact]:
    speaker, colon, said = text.partition(" says: ")
    if colon and user and speaker.casefold() == user.casefold():
        clause = second_person_clause(said)
        if 3 <= len(WORD.findall(clause)) <= 18:
            words = content(said)
            yield CardFact(
                f"You told me that {clause}.", words, aspects_of(words) | {"user"}, topics_of(words), "memory"
            )
    elif not colon and 3 <= len(WORD.findall(text)) <= 18 and text.rstrip().endswith("."):
        yield _fact(text.strip(), "memory")
