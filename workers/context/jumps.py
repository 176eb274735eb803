"""Time jumps: where the past has a gap that no summary crosses.

A page jumps if it begins with words such as "Three weeks later". A chat jumps where nobody has said anything for long,
or somebody begins a message with such words. A night, or an hour, is no jump.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

PAUSE: Final = timedelta(days=14)
"""After so long a silence a chat begins anew."""
_WITHIN: Final = 100
"""Characters at the beginning of a text in which the words must stand: later ones may be told by somebody."""
_SPACED: Final = (
    r"(?:days|weeks|months|years|decades|centuries|(?:a|one) (?:week|month|year|decade)) (?:later|passed|after)",
    r"(?:days|weeks|months|years|decades|centuries) (?:go|went|have gone|had gone) by",
    r"(?:tage|wochen|monate|jahre|jahrzehnte|jahrhunderte|ein jahr|einen monat|eine woche) (?:später|danach|vergingen)",
    r"(?:jours|semaines|mois|ans|années|an|décennies|siècles) plus tard",
    r"(?:días|semanas|mes(?:es)?|años?|siglos) (?:después|más tarde)",
    r"(?:giorni|settimane|mes[ei]|ann[io]|secoli) (?:dopo|più tardi)",
    r"(?:dias|semanas|m(?:ês|eses)|anos?|séculos) (?:depois|mais tarde)",
    r"(?:через|спустя) (?:\w+ ){0,2}(?:дня|дней|недел\w+|месяц\w*|год\w*|лет|веков?)",
    r"(?:дня|дней|недел\w+|месяц\w*|год\w*|лет) спустя",
)
_UNSPACED: Final = r"(?:日|週間?|か月|ヶ月|カ月|年)(?:ほど)?後|(?:天|周|星期|个月|個月|年)(?:之)?[后後]"
_JUMP: Final = re.compile(rf"\b(?:{'|'.join(_SPACED)})\b|{_UNSPACED}|(?:일|주|달|개월|년) ?(?:후|뒤)", re.IGNORECASE)
_FIRST: Final = re.compile(r"[^.!?…。！？\n]*")


def jumps_at_start(text: str) -> bool:
    """Return whether a text begins by saying that days or more have passed."""
    first = _FIRST.match(text.lstrip()[:_WITHIN])
    return first is not None and _JUMP.search(first.group()) is not None


def jump_positions(
    texts: Iterable[str], first: int, times: Sequence[datetime] = (), before: datetime | None = None
) -> list[int]:
    """Return the positions, counted from ``first``, before which time has passed.

    Of a chat, ``times`` are when each text was said, and ``before`` when the one before them was.
    """
    found: list[int] = []
    for at, text in enumerate(texts):
        last = times[at - 1] if 0 < at < len(times) else before if times else None
        paused = at < len(times) and last is not None and times[at] - last >= PAUSE
        if first + at > 0 and (paused or jumps_at_start(text)):
            found.append(first + at)
    return found
