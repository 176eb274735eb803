"""How cards introduce somebody: "A keeper on the coast, forty years old.", "An old troll who guards a bridge."."""

import re
from typing import Final

from workers.offline.english import base_verb, with_article
from workers.offline.persona.recast import CardPerson, recast
from workers.offline.persona.words import word_set
from workers.offline.words import words

_TENS: Final = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_AGE: Final = (
    rf"\d{{1,4}}|(?:{_TENS})(?:-(?:one|two|three|four|five|six|seven|eight|nine))?|ten|eleven|twelve|thirteen|fourteen|"
    r"fifteen|sixteen|seventeen|eighteen|nineteen|(?:\w+ )?(?:hundred|thousand)"
)
_AGED: Final = re.compile(
    rf"(?:^|, | is | am |\ba )(?:(?:about|almost|nearly|aged) )?"
    rf"(?:(?P<old>{_AGE})[- ]years?[- ]old|(?<=aged )(?P<aged>{_AGE})\b)|^[A-Z][^,.]{{0,60}}, (?P<bare>\d{{1,4}})(?=,)"
    rf"|\b(?:girl|boy|woman|man|lady|person) of (?P<of>{_AGE})\b",
    re.IGNORECASE,
)
_AGE_PHRASE: Final = re.compile(rf",? (?:aged (?:{_AGE})|(?:{_AGE}) years old)\b", re.IGNORECASE)
_ONE: Final = re.compile(r"(?:An?|The|One of) ", re.IGNORECASE)
_PERSON: Final = re.compile(r"^[^.:;]{0,60}\b(?:girl|boy|woman|man|lady|gentleman|person|guy|creature)\b")
_DOES: Final = re.compile(
    r"(?:(?:always|never|often|secretly|usually|really) )?(?:loves|likes|hates|dislikes|lives|works|enjoys|prefers|"
    r"fears|collects|wants|dreams|speaks|wears|carries|owns|studies|teaches|plays|believes|has|can|knows|wishes|hopes|sings|"
    r"writes)\b",
    re.IGNORECASE,
)
_IS: Final = re.compile(
    r"(?:Afraid of|Scared of|Fond of|Good (?:at|with)|Bad (?:at|with)|Allergic to|Obsessed with|Married to|Proud of|"
    r"(?P<was>Born|Raised)) ",
    re.IGNORECASE,
)
_OF_ANOTHER: Final = re.compile(
    r"\b(?:mother|father|mum|mom|dad|sister|brother|son|daughter|wife|husband|uncle|aunt|cousin|friend|boss|when|since)\b",
    re.IGNORECASE,
)
_NO_VERB_BEHIND: Final = word_set("of and or with in on at for to from by the a an his her their its two three many")
_FINITE: Final = word_set("is are was were has have had does do did can will would could")
_RELATIVE: Final = word_set("who that which where whose")
_WHO: Final = re.compile(r"^I am (?P<what>[^.:;]{3,60}?),? who (?P<does>(?!am\b|is\b|was\b|has\b|had\b|are\b)\w.*)$")
_DANGLING: Final = re.compile(r"^I (?:\w+ ){1,3}(?:it|them)\b(?! (?:is|was|to|that)\b)")
_LISTED: Final = re.compile(r"^(I am [^:]{5,}?): .*$")


def age_in(sentence: str) -> str:
    """Return how old a sentence says that its subject is, as it says it; empty if it does not."""
    found = _AGED.search(sentence)
    if found is None or _OF_ANOTHER.search(sentence[: found.end()]):
        return ""
    return next(filter(None, found.groups())).lower()


def introduced(sentence: str, who: CardPerson, *, first: bool) -> str | None:
    """Return what a card says without naming anybody as its persona says it; None if it is not plain that it is they.

    "A keeper on the coast, forty years old." (only if it is the ``first``), "Loves rain.", "Afraid of crowds."
    """
    if not who.names:
        return None
    if _DOES.match(sentence):
        return recast(sentence, who, bare=True)
    if born := _IS.match(sentence):
        verb = "was" if born["was"] else "is"
        return recast(f"{who.names[0]} {verb} {sentence[:1].lower()}{sentence[1:]}", who)
    if not first or not _has_no_verb(sentence) or not (_ONE.match(sentence) or _PERSON.search(sentence)):
        return None
    bare = _AGE_PHRASE.sub("", sentence, count=1)
    bare = f"{bare[:1].lower()}{bare[1:]}"
    return recast(f"{who.names[0]} is {bare if _ONE.match(bare) else with_article(bare)}", who)


def told_apart(said: str) -> list[str]:
    """Return what a sentence of theirs says, in sentences that say something by themselves; none if it does not."""
    if _DANGLING.match(said):
        return []
    said = _LISTED.sub(r"\1.", said)
    found = _WHO.match(said)
    does = recast(f"She {found['does']}", CardPerson((), "she")) if found is not None else None
    return [said] if found is None or does is None else [f"{found['what'].join(('I am ', '.'))}", does]


def _has_no_verb(sentence: str) -> bool:
    before = ""
    for word in re.findall(r"[\w'’-]+", sentence.lower()):
        if word in _RELATIVE:
            return True
        verb = word.endswith("s") and not word.endswith(("ss", "'s", "’s")) and base_verb(word) in words().verb_set
        if word in _FINITE or (verb and before not in _NO_VERB_BEHIND):
            return False
        before = word
    return True
