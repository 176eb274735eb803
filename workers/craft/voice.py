"""Person and tense, by rule: is the reader "you", and does it happen now? Where no rule is safe, nothing is said."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from workers.craft.languages import base_tag
from workers.craft.prose import Prose, plain
from workers.craft.speakers import NO_NAMES

_FEW_WORDS: Final = 50
"""Words of narration below which it may happen that nobody is named."""


@dataclass(frozen=True, slots=True)
class _Person:
    """The words of a language for the second and the first person.

    ``third`` are those for a single other person, of languages in which sentences do name the person.
    """

    second: frozenset[str]
    first: frozenset[str]
    third: frozenset[str] = frozenset()


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


def _person(second: str, first: str, third: str = "") -> _Person:
    return _Person(_words(second), _words(first), _words(third))


_PERSONS: Final = {
    "en": _person(
        "you your yours yourself yourselves you're you’re you've you’ve you'll you’ll you'd you’d",
        "i me my mine myself we us our ours i'm i’m i've i’ve i'll i’ll i'd i’d we're we’re",
        "he she him her his himself herself he's he’s she's she’s",
    ),
    "de": _person(
        "du dich dir dein deine deinen deinem deiner deines euch euer eure euren",
        "ich mich mir mein meine meinen meinem meiner wir uns unser unsere",
        "er sie ihn ihm ihr ihre ihren ihrem ihrer sein seine seinen seinem seiner",
    ),
    "fr": _person(
        "tu te toi ton ta tes vous votre vos t", "je j me moi mon ma mes nous notre nos", "il elle lui son sa ses"
    ),
    "nl": _person("je jij jou jouw u uw jullie", "ik mij me mijn wij we ons onze", "hij zij ze hem haar zijn"),
    "es": _person("tú tu te ti tus usted su sus os vuestro", "yo me mí mi mis nosotros nuestro nuestra"),
    "it": _person("tu ti te tuo tua tuoi tue vi voi", "io mi me mio mia miei mie noi nostro nostra"),
    "pt": _person("você tu te teu tua seu sua seus suas", "eu me mim meu minha meus minhas nós nosso"),
    "ru": _person("ты тебя тебе тобой твой твоя твои твоё вы вас вам ваш ваша ваши", "я меня мне мной мой моя мои моё"),
    "uk": _person(
        "ти тебе тобі тобою твій твоя твої твоє ви вас вам ваш ваша ваші", "я мене мені мною мій моя мої моє"
    ),
    "zh": _person("你 您", "我"),
}
_FORMAL: Final = re.compile(r"(?<=[a-zäöüß,;] )(?:Sie|Ihnen|Ihre?[nmrs]?)\b")
"""The German "you" of politeness: inside a sentence its capital letter tells it from "she" and "they"."""
_FEW_FIRST: Final = 4
_FEW_THIRD: Final = 3
"""Words for a person from which on a page is about that person; scenes without anybody are good ones."""
_FEW_GENERIC: Final = 2
_GENERIC: Final = re.compile(
    r"\b(?:as|like|the way|when|whenever|if|where|wherever|until|once|than) you (?!are\b|hear\b|see\b)[a-z]+"
    r"|\byou (?:know|never know|might (?:say|think)|could (?:say|tell)|would (?:say|think|expect)|can (?:tell|say))\b",
    re.IGNORECASE,
)
"""English phrases in which "you" is nobody in particular."""
_APOSTROPHE: Final = re.compile("['’]")
_PAST: Final = _words(
    "was were had did went came saw took felt heard stood sat ran knew thought said told found gave made got kept held "
    "began left turned looked walked stepped reached opened could followed tried wanted moved seemed fell woke caught "
    "brought spoke threw drew rose led lay broke chose wondered realized realised noticed remembered decided"
)
_PRESENT: Final = _words(
    "are have do go come see take feel hear stand sit run know think say tell find give make get keep hold begin leave "
    "turn look walk step reach open can follow try want move seem fall wake catch bring speak throw draw rise lead lie "
    "break choose wonder realize realise notice remember decide need"
)
_NOT_PAST: Final = frozenset(
    {"need", "feed", "bleed", "speed", "proceed", "succeed", "heed", "breed", "weed", "exceed"}
)
_YOU: Final = re.compile(r"\byou(?: (?:slowly|quickly|suddenly|carefully|also|then|just|never|still|both))? ([a-z]+)")
_WAS: Final = re.compile(r"\b(?:was|were|had|did)\b")
_IS: Final = re.compile(
    r"\b(?:is|are|has|do|does)\b|['’]re\b"
    r"|\b(?:it|he|she|that|there|here|what|who|where|how|(?:some|any|every|no)(?:thing|body|one))['’]s\b"
)
"""What is now; "the baker's" owns something."""
_FEW_VERBS: Final = 3
_MANY_VERBS: Final = 6
"""Verbs in the past, whoever's, from which on a page without any in the present is told in the past."""
_NAME_FOLLOWED: Final = r"^[*_]{{0,2}}(?:{name})\b[*_]{{0,2}},? (?=[a-z])"


def person_is_off(text: Prose, tag: str) -> bool:
    """Return whether the narration of a page is not in the second person."""
    person = _PERSONS.get(base_tag(tag))
    if person is None:
        return False
    told = Prose(text.narration)
    words = _told(told.text, tag)
    second, first = _count(words, person.second), _count(words, person.first)
    second += len(_FORMAL.findall(told.text)) if base_tag(tag) == "de" else 0
    if first >= _FEW_FIRST and first > 2 * second:
        # A letter is one paragraph or two in a page; who tells of themselves does so all along.
        by_paragraph = [_told(each, tag) for each in told.paragraphs]
        about_me = sum(_count(each, person.first) > _count(each, person.second) for each in by_paragraph)
        return about_me * 2 > len(by_paragraph)
    third = _count(words, person.third)
    # "You" may be anybody's: "as you do when nobody looks". Who is spoken to all along is more than that.
    if base_tag(tag) == "en" and 0 < second <= _FEW_GENERIC and third >= 2 * _FEW_THIRD:
        second -= len(_GENERIC.findall(told.text))
    return second <= 0 and len(words) >= _FEW_WORDS and third >= _FEW_THIRD


def is_talk(text: Prose, tag: str) -> bool:
    """Return whether somebody says a text: it has "I" or "you"; True in languages that need not name them."""
    person = _PERSONS.get(base_tag(tag))
    if person is None or not person.third:
        return True
    words = _told(text.text, tag)
    formal = base_tag(tag) == "de" and _FORMAL.search(text.text) is not None
    return formal or _count(words, person.first) + _count(words, person.second) > 0


def _told(text: str, tag: str) -> list[str]:
    return [part for word in Prose(text).words for part in _parts(word, base_tag(tag))]


def _count(words: Collection[str], of_person: frozenset[str]) -> int:
    return sum(word in of_person for word in words)


def _parts(word: str, tag: str) -> list[str]:
    """Return a word; in French, what an apostrophe separates."""
    return _APOSTROPHE.split(word) if tag == "fr" else [word]


def tense_is_off(text: Prose, tag: str) -> bool:
    """Return whether the narration of an English page says in the past tense what "you" did."""
    if base_tag(tag) != "en":
        return False
    narration = text.narration.lower()
    verbs = _YOU.findall(narration)
    past = sum(verb in _PAST or (verb.endswith("ed") and verb not in _NOT_PAST) for verb in verbs)
    present = sum(verb in _PRESENT for verb in verbs)
    was, now = len(_WAS.findall(narration)), len(_IS.findall(narration))
    told = was + sum(word in _PAST for word in Prose(narration).words)
    # What "you" did may be told within a present: then other things are what they are.
    if past >= _FEW_VERBS:
        return past > 2 * present and (was > now or (not now and not present and told >= _MANY_VERBS))
    return 0 < past == len(verbs) and not now and told >= _MANY_VERBS


def narrates_itself(text: Prose, names: Collection[str]) -> bool:
    """Return whether somebody tells of themselves by name, all along, and nothing in the first person."""
    if not names or any(word in person.first for person in _PERSONS.values() for word in text.words):
        return False
    spoken = re.sub(r"\*[^*\n]{1,400}\*", " ", text.text)
    by_name = re.compile(_NAME_FOLLOWED.format(name="|".join(map(re.escape, names))), re.IGNORECASE)
    said = [each for each in Prose(spoken).sentences if plain(each)]
    named = sum(by_name.match(each) is not None for each in said)
    return named > 0 and named * 2 >= len(said)


_FOR_READER: Final = re.compile(
    r"\byou (?:say|reply|answer|ask|whisper|shout|mutter|think)\b[^.\n]{0,20}[,:] ?[\"“]"
    # What somebody says again and again is no part of the scene.
    r"|[,!?.][\"”] you (?:say|reply|answer|ask|whisper|shout|mutter)\b"
    r"(?![^.!?\n]{0,30}\b(?:every|each|whenever|always|again and again)\b)",
    re.IGNORECASE,
)
_REPORTED: Final = re.compile(
    r"[\"“][^\"”\n]{1,300}[\"”],? (?P<by>she|he|they|the \w+|[A-ZÀ-Þ]\w+) (?:said|says|told|tells|whispered"
    r"|whispers|answered|answers|replied|replies|cried|cries|wrote|writes)\b"
    r"|\b(?P<of>[Ss]he|[Hh]e|[Tt]hey|[Tt]he \w+|[A-ZÀ-Þ]\w+) (?:said|says|told me|tells me|whispered|answered"
    r"|replied|cried|wrote)[:,]? [\"“][^\"”\n]{1,300}[\"”]"
)
"""What somebody else said."""

_NAMED: Final = re.compile(
    r"\b(?:i am called|i['’]m called|my name is|my name['’]s"
    r"|i(?: am|['’]m) an? (?:(?!of |with |to |for |from |who )[\w-]+ ){1,4}(?:named|called)"
    r"|ich heiße|mein name ist|je m['’]appelle|me llamo|mi chiamo|me chamo|ik heet|меня зовут)"
    r" [\"“*]{0,2}(?P<name>[^\W\d_][\w’'-]*)",
    re.IGNORECASE,
)
_TITLED: Final = re.compile(
    r"\b(?:I am|I['’]m) (?P<title>Captain|Doctor|Dr\.?|Professor|Lady|Lord|Sir|Dame|King|Queen|Prince|Princess|Mr\.?"
    r"|Mrs\.?|Ms\.?|Miss|Master|Mistress|Sister|Brother|Father|Mother) (?P<name>[A-ZÀ-Þ][\w’'-]*)"
)


_INTRODUCED: Final = re.compile(
    r"(?:^|[.!?] )(?:(?:you (?:can|may) )?[Cc]all me|You (?:can|may) call me) (?P<nick>[A-ZÀ-Þ][a-zà-ÿ]{1,20})[.!]"
    r"|(?:^|[.!?,] )I(?: am|['’]m) (?P<name>[A-ZÀ-Þ][a-zà-ÿ]{1,20})[.!,] (?:and )?"
    r"(?:I (?:live|work) (?:here|in|at|on|with)\b|[Nn]ice to meet|[Pp]leased to meet|[Ww]hat(?:['’]s| is) your name"
    r"|[Ww]ho are you)",
)
"""How somebody introduces themselves."""
_NICKNAMES: Final = _words(
    "captain doctor doc boss chief sir madam lady lord mother father mama papa grandma grandpa granny auntie uncle "
    "sister brother friend mad crazy old lucky death nobody trouble cook baker tomorrow later maybe home back names now"
)
"""What somebody may be called besides."""


def _introduced(match: re.Match[str], known: set[str]) -> bool:
    """Return whether somebody introduces themselves by another name; "Liz" is one of "Elizabeth"."""
    name = plain(match["nick"] or match["name"])
    short = any(own.startswith(name[:2]) or name[:3] in own for own in known)
    return name not in known and name not in _NICKNAMES and not short


def takes_name(text: str, user: str, own: Collection[str]) -> bool:
    """Return whether somebody gives another name than one of their ``own`` for theirs: "I'm Sam"."""
    known = {word for each in own for word in plain(each).split()}
    users = plain(user)
    text = _REPORTED.sub(lambda match: match[0] if plain(match["by"] or match["of"]) in {*known, "i"} else "", text)
    for match in _NAMED.finditer(text):
        name = plain(match["name"])
        if name not in known and (match["name"][0].isupper() or name == users):
            return True
    if any(_introduced(match, known) for match in _INTRODUCED.finditer(text)):
        return True
    if any(plain(match["title"]) in known and plain(match["name"]) not in known for match in _TITLED.finditer(text)):
        return True
    if not users or users.split()[0] in known:
        return False
    # As a name is written: who is called "Happy" or "The Boss" does not keep others from being happy, or the boss.
    name = user.strip()
    name = name[0].upper() + name[1:]
    claimed = re.compile(rf"\b(?:[Ii] am|[Ii]['’]m|[Cc]all(?:s|ed)? me) {re.escape(name)}\b(?! of\b|['’]s)")
    return claimed.search(text) is not None


def speaks_for(text: str, user: str) -> bool:
    """Return whether a reply says what its reader does or says."""
    if _FOR_READER.search(text) or any(_acts(match, user) for match in _ACTION.finditer(text)):
        return True
    return any(_acts_by_name(match, user) for match in _ASIDE.finditer(text))


def without_others_actions(text: str, user: str) -> str:
    """Return a reply without the actions, between asterisks or other marks, that are its reader's."""
    text = _ACTION.sub(lambda match: "" if _acts(match, user) else match[0], text)
    return _ASIDE.sub(lambda match: "" if _acts_by_name(match, user) else match[0], text)


_ACTION: Final = re.compile(r"(?<!\*)\*([^*\n]{1,300})\*(?!\*)")
_ASIDE: Final = re.compile(r"(?<![\w_])_(?P<line>[^_\n]{1,300})_(?![\w_])|\((?P<round>[^()\n]{1,300})\)")


def _acts_by_name(aside: re.Match[str], user: str) -> bool:
    """Return whether an aside in other marks is of the reader by name: ``(Sam nods)``; "(you know)" may be said."""
    name, said = user.strip(), (aside["line"] or aside["round"]).strip()
    return bool(name) and said.startswith(f"{name} ") and said[len(name) + 1 :][:1].islower()


def _acts(action: re.Match[str], user: str) -> bool:
    """Return whether an action is of the reader: ``you nod``, ``Sam nods``."""
    words = plain(action[1]).split()
    name = [] if plain(user) in NO_NAMES else plain(user).split()
    if len(words) < 2 or _is_within(action):
        return False
    return words[0] == "you" or (bool(name) and words[: len(name)] == name and len(words) > len(name))


def _is_within(action: re.Match[str]) -> bool:
    """Return whether words between asterisks are part of a sentence: "The sign said *Sam sells salt*, I think"."""
    before, after = action.string[: action.start()].rstrip(" "), action.string[action.end() :]
    goes_on = after.lstrip(" ")[:1].islower()
    return after.startswith((",", ";")) or (goes_on and (before[-1:].isalnum() or before.endswith(",")))
