"""What of the archive a turn needs: what to look for, how much of it, and of which days. By rules, without a model.

A turn without words of its own (a greeting, "Go on.") needs nothing. Where it has few, the names in what was said
before it count too ("And her sister?"). A question, or words such as "do you remember", is worth more passages than a
turn that goes on. "Yesterday" or "three weeks ago" says of which days; such words are not looked for themselves.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

ASKED: Final = 8
"""Passages for a question."""
GOING_ON: Final = 4
"""Passages for a turn that asks nothing."""
FEW: Final = 3
"""With so many words of its own or fewer, a turn takes up what was said before it."""
MOST_NAMES: Final = 12
MOST_CHARS: Final = 1_200
"""Characters of a turn that are read: half of them from its beginning, half from its end."""

# Where words are not set apart by spaces, a run of two characters may be a word.
_DENSE: Final = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD: Final = re.compile(rf"[{_DENSE}]+|[^\W_{_DENSE}][\w’'-]*")
_START: Final = re.compile(r"(?:^|[.!?…:\n]|[\"“”„«»]|—)\s*$")
_ASKS: Final = re.compile(r"[?？؟]")
_FUNCTION_TEXT: Final = """
about above after again against also always another because been before being below between both could does doing done
down during each else even ever every from gets going gonna goes good have having hello here hers herself himself into
itself just keep know like little look made make many maybe more most much must myself need never next nice okay once
only other ours over please really same says shall should since some something still such sure take tell than thank
thanks that their theirs them then there these they thing things think this those through told under until upon very
want wants well went were what when where which while whom whose will with would yeah your yours yourself continue
remember hallo danke bitte weiter nicht oder aber auch dann wenn sich eine einen einem einer dass noch schon sehr
bonjour merci suite avec dans pour mais vous nous elle elles être hola gracias sigue para pero como esta este ciao
grazie continua sono come anche привет спасибо дальше
"""
_FUNCTION_WORDS: Final = frozenset(_FUNCTION_TEXT.split())
_PAST: Final = re.compile(
    r"\b(?:remember|recall|(?:did|do|have|had|was|were) (?:i|you|we|he|she|they|it)\b|(?:i|we|you) (?:told|said|"
    r"mentioned|promised)|last time|back then|earlier|the other day|used to|erinner\w*|weißt du noch|damals|"
    r"hatt?e ich|habe ich|letztes mal|souvien\w*|rappell\w*|la dernière fois|recuerd\w*|acuerd\w*|la última vez|"
    r"ricord\w*|l'ultima volta|lembr\w*|da última vez|помни\w*|в прошлый раз)\b|"
    r"覚えて|前に|前回|记得|記得|上次|기억|지난번",
    re.IGNORECASE,
)
_UNITS: Final = (
    (1, r"days?|tag(?:en?)?|jours?|d[íi]as?|giorn[oi]|дн(?:я|ей)|день"),
    (7, r"weeks?|wochen?|semaines?|semanas?|settiman[ae]|недел\w+"),
    (30, r"months?|monat(?:en?)?|mois|mes(?:es)?|m[êe]s(?:es)?|mes[ei]|месяц\w*"),
    (365, r"years?|jahr(?:en?)?|ans?|années?|años?|anos?|ann[oi]|год\w*|лет"),
)
_NUMBERS: Final = (
    (1, r"a|an|one|eine[mr]?|une?|un[ao]?|uma?|один|одну"), (2, r"two|a couple of|zwei|deux|dos|due|dois|duas|два|две"),
    (3, r"three|a few|drei|trois|tres|tre|três|три"), (4, r"four|vier|quatre|cuatro|quattro|quatro|четыре"),
    (5, r"five|fünf|cinq|cinco|cinque|пять"), (6, r"six|sechs|seis|sei|шесть"),
)  # fmt: skip
_COUNT: Final = rf"(?P<count>\d{{1,3}}|{'|'.join(words for _, words in _NUMBERS)})"
_UNIT: Final = "(?P<unit>" + "|".join(words for _, words in _UNITS) + ")"
_AGO: Final = tuple(
    re.compile(rf"\b(?:{pattern})(?!\w)", re.IGNORECASE)
    for pattern in (
        rf"{_COUNT} {_UNIT} (?:ago|fa|назад|atrás)",
        rf"(?:vor|il y a|hace|há) {_COUNT} {_UNIT}",
    )
)
# What is said of the last days, and of how many.
_SPANS: Final = tuple(
    (days, re.compile(pattern, re.IGNORECASE))
    for days, pattern in {
        1: r"\b(?:today|this morning|tonight|heute|aujourd['’]hui|hoy|oggi|hoje|сегодня)\b|今日|今天|오늘",
        2: r"\b(?:yesterday|last night|gestern|ayer|ieri|ontem|вчера)\b|昨日|昨天|어제",
        14: r"\b(?:last week|letzte woche|la semaine dernière|la semana pasada|la settimana scorsa|"
        r"(?:na )?semana passada|на прошлой неделе)\b|先週|上周|上週|지난 ?주",
        62: r"\b(?:last month|letzten monat|le mois dernier|el mes pasado|il mese scorso|(?:no )?mês passado|"
        r"в прошлом месяце)\b|先月|上个月|上個月|지난 ?달",
        731: r"\b(?:last year|letztes jahr|l['’]année dernière|el año pasado|l['’]anno scorso|"
        r"(?:no )?ano passado|в прошлом году)\b|去年|작년",
    }.items()
)


@dataclass(frozen=True, slots=True)
class ArchiveNeed:
    """What to look for: ``words`` by themselves, ``text`` by its meaning; at most ``passages`` of them.

    ``names`` are those of the words that name somebody or something. ``since`` and ``until`` are the days that the turn
    speaks of, None if it speaks of none.
    """

    words: str
    text: str
    passages: int
    names: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


def archive_need(
    text: str, before: str = "", *, known: Iterable[str] = (), now: datetime | None = None
) -> ArchiveNeed | None:
    """Return what a turn needs; None if nothing.

    ``text`` is what is answered, ``before`` what was said right before it. ``known`` are names of people and things.
    ``now`` is when it was said; None where days mean nothing, as in a story.
    """
    read = _ends(text)
    since, until, told = (None, None, read) if now is None else _days(read, now)
    own = list(dict.fromkeys(_own_words(told)))
    lowered = told.casefold()
    names = [*(name for name in known if name.strip() and name.casefold() in lowered), *_names(told)]
    if len(own) <= FEW:
        names += _names(_ends(before))
    names = list(dict.fromkeys(names))[:MOST_NAMES]
    question = _ASKS.search(read) is not None
    if not own and since is None and not (names and question):
        return None
    asks = question or since is not None or _PAST.search(read) is not None
    return ArchiveNeed(
        words=" ".join(dict.fromkeys((*names, *own))),
        text=read,
        passages=ASKED if asks else GOING_ON,
        names=tuple(names),
        since=since,
        until=until,
    )


def _ends(text: str) -> str:
    if len(text) <= MOST_CHARS:
        return text
    half = MOST_CHARS // 2
    return f"{text[:half]}\n{text[-half:]}"


def _own_words(text: str) -> Iterator[str]:
    """Yield the words that say what a text is about."""
    for match in _WORD.finditer(text):
        word = match.group()
        dense = re.match(f"[{_DENSE}]", word) is not None
        if len(word) >= (2 if dense else 4) and word.casefold() not in _FUNCTION_WORDS:
            yield word


def _names(text: str) -> Sequence[str]:
    """Return the words that are written with a capital where no sentence begins."""
    return [
        match.group()
        for match in _WORD.finditer(text)
        if len(match.group()) > 1 and match.group()[0].isupper() and not _START.search(text, 0, match.start())
    ]


def _days(text: str, now: datetime) -> tuple[datetime | None, datetime | None, str]:
    """Return the days that a text speaks of, and the text without the words that say so."""
    for pattern in _AGO:
        if (match := pattern.search(text)) is not None:
            days = _value(match["unit"], _UNITS)
            back, near = _value(match["count"], _NUMBERS) * days, 2 if days == 1 else days * 2 // 3
            first, last = back + near, max(0, back - near)
            return now - timedelta(days=first), now - timedelta(days=last), _cut(text, match)
    for last, pattern in _SPANS:
        if (match := pattern.search(text)) is not None:
            return now - timedelta(days=last), now, _cut(text, match)
    return None, None, text


def _cut(text: str, match: re.Match[str]) -> str:
    return f"{text[: match.start()]} {text[match.end() :]}"


def _value(said: str, table: Sequence[tuple[int, str]]) -> int:
    if said.isdigit():
        return int(said)
    return next((value for value, words in table if re.fullmatch(words, said, re.IGNORECASE)), 1)
