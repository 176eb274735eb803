"""Calls to choose at the end of a page, told as prose: "The choice is yours." The buttons below it are the choices."""

import re
from typing import Final

from workers.craft.prose import pieces

_ENGLISH: Final = (
    (
        r"(?:so,? |now,? |and )?what"
        r" (?:(?:do|will|would|should) you (?:do|choose|decide|like to do)|are you going to do)"
        r"(?:,? (?:now|next|first|then))?(?:,? (?:brave |young |dear )?(?:adventurer|travell?er|hero|player|reader))?"
    ),
    (
        r"(?:so,? |now,? )?(?:which|what) (?:path|way|choice|option|door|direction|course|road)(?: of action)?"
        r" (?:do|will|would|should) you (?:choose|take|pick|make|follow|go)(?: (?:now|next))?"
    ),
    r"what(?:['’]s| is| will be) your (?:next )?(?:move|choice|decision|action|step)|so,? what will it be",
    r"which (?:one )?(?:will|do|would) you choose|what(?:['’]s| is| comes) next(?: for you)?",
    r"(?:what happens(?: next)?|everything|the rest) is (?:now )?up to you|the next (?:step|move) is yours",
    r"you (?:must|have to|need to) (?:now )?(?:decide|choose)(?: now)?: [^\n]{3,200}",
    r"you can either [^\n]{3,150} or [^\n]{3,150}|you have a choice(?: to make)?(?:: [^\n]{3,200})?|to be continued",
    (
        r"(?:now,? )?(?:the|your) (?:choice|decision) (?:is (?:now )?(?:yours|up to you)|lies with you)"
        r"(?: (?:now|to make))?"
    ),
    (
        r"(?:now,? )?it(?:['’]s| is) (?:now )?(?:up to you|your (?:choice|decision|turn))"
        r"(?: (?:now|to (?:decide|choose|make)\b[^.!?\n]{0,60}))?"
    ),
    r"(?:you must )?choose (?:wisely|carefully|your (?:path|next (?:move|step)|fate|destiny))",
    r"(?:now )?you have (?:two|three|four|several|a few|many) (?:options|choices)\b[^\n]{0,300}",
    r"(?:your|the) (?:adventure|journey|quest|story) (?:continues|awaits|begins)(?: (?:here|now))?",
    r"(?:if you [^.\n]{3,100},? )?(?:turn|go) to (?:page|section) \d{1,3}",
)
_OTHERS: Final = (
    r"was (?:(?:möchtest|willst|wirst) du(?: jetzt| nun| als nächstes)? tun|(?:tust|machst) du(?: jetzt| nun)?)",
    r"(?:die (?:wahl|entscheidung) liegt (?:nun |jetzt |ganz )?bei dir|du hast die wahl|fortsetzung folgt)",
    r"wie entscheidest du dich|welchen weg (?:wählst|nimmst) du",
    r"¿?qué (?:haces|harás|decides|eliges|vas a hacer|decides hacer|quieres hacer)(?: ahora)?",
    r"la (?:decisión|elección) es tuya|tú decides|continuará",
    r"que (?:décides|choisis|fais|feras|vas)-tu(?: de faire| faire)?(?: maintenant)?|le choix est à toi|à suivre",
    r"à toi de (?:choisir|décider)",
    r"(?:che )?cosa (?:fai|farai|decidi di fare|scegli)(?: ora| adesso)?|la scelta (?:è tua|spetta a te)",
    r"o que (?:você )?(?:faz|fará|vai fazer|decide fazer)(?: agora)?|a (?:escolha|decisão) é sua",
    r"wat (?:doe|kies) je(?: nu)?|wat (?:ga|wil) je(?: nu)? doen|de keuze is aan (?:jou|je)|wordt vervolgd",
    r"co (?:teraz )?(?:robisz|zrobisz)|wybór należy do ciebie|ciąg dalszy nastąpi",
    r"что ты (?:теперь )?(?:сделаешь|будешь делать|выберешь)|выбор за тобой|продолжение следует",
    r"що ти (?:тепер )?(?:зробиш|робитимеш|будеш робити|вибереш)|вибір за тобою|далі буде",
    r"(?:şimdi )?ne yapacaksın|seçim senin|devam edecek",
    r"你(?:会|要|将|想)?(?:怎么做|怎么办|做什么|如何选择)|未完待续|选择权在你手[中里]|(?:あなたは)?どうしますか|つづく",
)
_CALL: Final = re.compile(rf"(?:{'|'.join((*_ENGLISH, *_OTHERS))}) ?(?:[.!?…:]{{1,4}}|[。？！])?", re.IGNORECASE)
_EITHER: Final = re.compile(
    r"(?:so,? )?(?:will|do|would|should) you [^?\n]{3,160},? or (?!not\b)[^?\n]{3,160}\?", re.IGNORECASE
)
"""Two ways, offered in a question."""
_MARK: Final = re.compile(r"[\[(]?(?:\d{1,2}|[A-Da-d])[.):\]]|[-–•*]")
"""The mark of an option that is not written yet."""
_BUTTONS: Final = re.compile(r"(?:\[[^\]\n]{2,80}\][ ,|/]{0,4}(?:or )?){2,8}")
_HEAD: Final = re.compile(r"[*_# ]{0,4}(?:your |the |possible )?(?:choices|options)[*_]{0,2}:?[*_]{0,2}", re.IGNORECASE)
_TIMES: Final = 3
"""How often one call may stand before another of another form."""
_FEW: Final = 6
"""Options at most under a line that is their heading."""
_SHORT: Final = 100
"""Characters of an option at most."""


def without_calls(text: str) -> str:
    """Return a page without the sentences at its end that call for a choice; as it is if there are none."""
    kept = text.rstrip()
    for _ in range(_TIMES):
        kept = _without_sentences(_without_lines(kept))
    return kept if kept != text.rstrip() else text


def _without_sentences(text: str) -> str:
    found = pieces(text)
    while found and (not found[-1].strip() or _is_call(found) or _MARK.fullmatch(found[-1].strip())):
        found.pop()
    return "".join(found[: _called_at(found)]).rstrip()


def _is_call(found: list[str]) -> bool:
    last = found[-1].strip(" \n*_")
    return _CALL.fullmatch(last) is not None or _EITHER.fullmatch(last) is not None


def _called_at(found: list[str]) -> int:
    """Return where a call stands in the last paragraph with only options behind it: "What do you do? Run? 2."."""
    at = len(found)
    while at and "\n" not in found[at - 1][:-1]:
        at -= 1
        if _CALL.fullmatch(found[at].strip(" \n*_")):
            behind = [each.strip() for each in found[at + 1 :] if each.strip()]
            if behind and (_MARK.fullmatch(behind[0]) or all(each.endswith("?") for each in behind)):
                return at
        if found[at].endswith("\n") and found[at + 1 :]:
            break
    return len(found)


def _without_lines(text: str) -> str:
    """Return a page without the options at its end that are lines of their own, under a heading or in brackets."""
    lines = text.rstrip().split("\n")
    while lines and (not lines[-1].strip() or _BUTTONS.fullmatch(lines[-1].strip())):
        lines.pop()
    end, options = len(lines), 0
    while end and options <= _FEW and len(line := lines[end - 1].strip()) <= _SHORT:
        if line and _HEAD.fullmatch(line):
            return "\n".join(lines[: end - 1]).rstrip()
        options += bool(line)
        end -= 1
    return "\n".join(lines).rstrip()
