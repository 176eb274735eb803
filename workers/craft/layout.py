"""What does not belong inside a page: headings, labels, lists, options. Found line by line, and deleted."""

import re
from typing import Final

from workers.craft.loops import tidy
from workers.craft.phrases import is_about_text, is_lead
from workers.craft.plays import may_be_said, said_at
from workers.craft.prose import pieces
from workers.cutting import ends_sentence

_HEADING: Final = re.compile(
    r"#{1,6} *\S|(?:\*\*|__)[^*_]{1,80}(?:\*\*|__):?$|={3,}$|-{3,}$|\*{3,}$"
    r"|(?:prologu?e?|epilogu?e?|prólogo|epílogo|épilogue|пролог|эпилог|序章)[:.]?$|[\[(]?(?:chapter|page|part|scene|kapitel|seite|capítulo|página|chapitre|capitolo|pagina|hoofdstuk|rozdział|глава"
    # A sentence about a chapter or a page ends as one, a heading does not.
    r"|страница|розділ|сторінка|bölüm|sayfa)\b *(?:\d{1,3}|[ivxlc]{1,6}|one|two|three|four|five)\b[.:)\]]?"
    r"[^.!?…\n]{0,60}$"
    r"|第[\d一二三四五六七八九十]{1,4}[章页頁回][^。！？…\n]{0,30}$|the end\.?$|</?h[1-6]>|(?:assistant|narrator)$"
    r"|[\[(](?:scene|setting)\b[^\])\n]{0,60}[\])]$|(?-i:(?:INT|EXT)\. )[^.!?…\n]{1,60}$",
    re.IGNORECASE,
)
_FORCE: Final = re.compile(r"(?:\*\*|__)[^*_]{1,80}[.!?…](?:\*\*|__)")
_LABEL: Final = re.compile(
    r"[*_\[(#> ]{0,4}(?P<label>title|page|page \d{1,3}|text|story|genre|premise|narrator|narration|setting"
    r"|content|summary"
    r"|answer|response|output|passage|author['’]s note|continuation"
    r"|titel|seite|geschichte|erzähler|título|página|historia|narrador"
    r"|titre|histoire|narrateur|titolo|pagina|storia|narratore|verhaal|verteller)[*_\]) ]{0,4}[:：][*_ ]{0,4}",
    re.IGNORECASE,
)
_TITLES: Final = frozenset(
    {"title", "genre", "premise", "setting", "author's note", "author’s note", "titel", "título", "titre", "titolo"}
)
_SPEAKER: Final = re.compile(
    r"[*_\[<> ]{0,4}(?:(?i:user|assistant|human|player|the player|reader)[*_\]> ]{0,4}[:：]"
    # What a machine displays in a story is in capital letters; a sentence goes on in small ones.
    r"|(?i:system|ai)[*_\]> ]{0,4}[:：](?=.*[a-z])|(?i:you)[*_\]> ]{0,4}[:：] *(?=[^\sa-z]|$))"
)
_DISPLAYED: Final = re.compile(r"(?:SYSTEM|AI): ?\S")
_CHOSEN: Final = re.compile(
    r">? *(?:the player (?:chose|now does)\b|(?:you chose|your choice|player['’]?s? choice) *[:：])", re.IGNORECASE
)
_ITEM: Final = re.compile(
    r"[*_> ]{0,4}(?:\(?\d{1,2}[.):、](?!\d)|\(?[A-Da-d][.)](?! ?(?-i:[A-Z]\.))"
    r"|\(?(?:[ivx]{1,4}|[e-hа-г])[.)] (?!(?-i:[A-Z]\.))|[a-d]: "
    r"|[\[(](?:\d{1,2}|[a-h])[\])]|\d{1,2} [-–—] |\d\ufe0f?\u20e3|[①-⑳❶-❿➀-➓→➔➜⇒▸▶►➤‣▪■●○◦·◆◇✦★☆]|[~+](?= )"
    r"|(?:no\.|nr\.|№) ?\d|[•*](?= )|(?:option|choice|auswahl|opción|opção|choix"
    r"|scelta|optie"
    r"|opcja|вариант|варіант|seçenek) *(?:\d|(?:[a-d]|one|two|three|four)\b))[*_:. )]*\S",
    re.IGNORECASE,
)
_DASHED: Final = re.compile(r"[-–] *\S")
"""A line that is an item of a list, or speech if it is a sentence: French, Russian and Polish begin it so."""
_MAY_BECOME: Final = re.compile(
    r"[#>•=]|[*_]{1,3}$|\* |[*_]{2,3}[^*_\n]{0,80}[*_]{0,2}:?$|[\[(][^\])\n]{0,40}$|[-–] ?$"
)
"""The beginning of a line in which it does not yet show whether it is a heading or an item."""
_CALL: Final = re.compile(
    r"[*_# ]{0,4}(?:(?:your |the |possible |available )?(?:choices|options|actions)(?: are)?|what (?:do|will"
    r"|would) you "
    r"(?:do|choose|like to do)(?: now| next)?|do you|you (?:can|may|could)|choose(?: one| wisely| an option| your path"
    r"| your next move)?|auswahl|was (?:tust|machst) du(?: jetzt| nun| als nächstes)?|(?:tus )?opciones|¿?qué haces(?: "
    r"ahora)?|(?:vos |tes )?choix|que (?:fais-tu|faites-vous)|(?:le tue )?scelte|cosa fai|wat doe je|что вы сделаете"
    r"|что ты (?:с)?делаешь)[*_ ]{0,4}[:?？：.]{0,2}[*_ ]{0,4}$",
    re.IGNORECASE,
)


_OFFERS: Final = re.compile(
    r"[*_ ]{0,4}(?:(?:your|the|possible|available) )?(?:choices|options)(?: are)?[*_]{0,2}: *\S", re.IGNORECASE
)
"""Options on the line that calls for a choice."""
_OFFERED: Final = re.compile(
    r"[*_# ]{0,4}(?:(?:your |the |possible |available )?(?:choices|options|actions)(?: are)?|choose(?: one| an option)?"
    r"|what (?:do|will|would) you (?:do|choose|like to do)(?: now| next)?)[*_ ]{0,4}[:?]{1,2}[*_ ]{0,4}$",
    re.IGNORECASE,
)
"""A line of its own that calls for one of the options below it, in a chat."""
_IN_LINE: Final = re.compile(
    r"(?:^|(?<=\s))\(?[1aA][.)] (?!(?:is|was|are|and|or|on|in|at|for)\b)(?P<name>\w+)\b[^\n]{2,120}?\s\(?[2bB][.)] "
    r"(?!(?P=name)\b)\S"
)
"""Options one behind the other; "A) is carved in one door, B) in the other" and "A. Miller", "B. Miller" are none."""
_WRITTEN: Final = re.compile(r"\b(?:reads?|says|written|carved|scratched|painted|engraved)\b[^:\n]{0,40}:$")
"""What stands above a list that is read in the story."""
_READER: Final = re.compile(
    r"\b(?:you|your|du|dich|dir|deine?[mnrs]?|tu|te|ton|ta|tes|vous|votre|jij|je|jouw|tú|ti|você|ты|тебя|тебе|ти|вы|ви"
    r"|sen|seni|sana)\b|[你您]|あなた|너|당신",
    re.IGNORECASE,
)
_CODE: Final = re.compile(r"```|\{ *[\"}]|\[ *\{|[\]}]+,?$|\{$")
_TITLE_CHARS: Final = 60


def is_heading(line: str, *, chat: bool = False) -> bool:
    """Return whether a line is a heading: marked as one, or a chapter's or page's number.

    In a ``chat`` a whole sentence in bold letters is said with force.
    """
    line = line.strip()
    return _HEADING.match(line) is not None and not (chat and _FORCE.fullmatch(line))


def is_item(line: str) -> bool:
    """Return whether a line is an item of a list, or an option; behind a dash, if it is no sentence."""
    line = line.strip()
    return _ITEM.match(line) is not None or (_DASHED.match(line) is not None and not ends_sentence(line))


def is_label(line: str) -> bool:
    """Return whether a line begins with the label of a part of the text, or of a speaker of a chat."""
    line = line.strip()
    return any(pattern.match(line) for pattern in (_LABEL, _SPEAKER, _CHOSEN))


def speaks_in_label(lines: list[str]) -> bool:
    """Return whether a line begins with a label, but for what a screen in the story shows."""
    return any(is_label(line) and not shown for line, shown in zip(lines, _displayed(lines), strict=True))


def _displayed(lines: list[str]) -> list[bool]:
    """Return which lines a machine in the story displays: "The screen shows:", "SYSTEM: Reactor failure"."""
    found, announced = list[bool](), False
    for line in lines:
        machine = _DISPLAYED.match(line.strip()) is not None
        if line.strip() and not machine:
            announced = line.rstrip().endswith(":") and not is_label(line)
        found.append(machine and announced)
    return found


def lists(text: str) -> bool:
    """Return whether a text holds a list or options: two items, or one under a line that calls for a choice."""
    found = [line.strip() for line in text.split("\n") if line.strip()]
    items = _items(found)
    called = any(
        _CALL.match(line) and (item or _DASHED.match(after))
        for line, after, item in zip(found, found[1:], items[1:], strict=False)
    )
    if called or sum(items) >= 2 or any(_OFFERS.match(line) or _IN_LINE.search(line) for line in found):
        return True
    return bool(found) and _CALL.match(found[-1]) is not None


def without_options(text: str) -> str:
    """Return a text without the options at its end, the line that calls for a choice included, and without lists."""
    lines = [_without_options_in(line) for line in text.split("\n")]
    end, items = _called_at(lines), _items(lines)
    while end and (not (last := lines[end - 1].strip()) or items[end - 1] or _CALL.match(last) or _OFFERS.match(last)):
        end -= 1
    return tidy("\n".join(line for line, item in zip(lines[:end], items, strict=False) if not item))


def _items(lines: list[str]) -> list[bool]:
    """Return which lines are items of a list that is not read in the story: "The note reads:"."""
    found, written = list[bool](), False
    for line in lines:
        item = is_item(line)
        if line.strip() and not item:
            written = _WRITTEN.search(line.rstrip()) is not None
        found.append(item and not written)
    return found


def without_offers(text: str) -> str:
    """Return a text up to the line in which options are called for, if two or more follow and nothing else."""
    lines = text.rstrip().split("\n")
    end = len(lines)
    while end and (not lines[end - 1].strip() or is_item(lines[end - 1]) or _DASHED.match(lines[end - 1].strip())):
        end -= 1
    items = sum(bool(line.strip()) for line in lines[end:])
    return tidy("\n".join(lines[: end - 1])) if items >= 2 and end and _OFFERED.match(lines[end - 1].strip()) else text


def _without_options_in(line: str) -> str:
    """Return a line up to the options in it, without the question before them."""
    found = _IN_LINE.search(line)
    if found is None:
        return line
    before = pieces(line[: found.start()])
    while before and _CALL.match(before[-1].strip()):
        before.pop()
    return "".join(before)


def is_title(line: str, following: str) -> bool:
    """Return whether the first line of a text is its title: a few words in a line of their own, no sentence."""
    line = line.strip()
    short = 0 < len(line) <= _TITLE_CHARS and line[:1].isupper() and line[-1:].isalnum() and line.count(" ") < 8
    following = following.strip()
    # The first line of a poem goes on in the next.
    return short and bool(following) and not following[0].islower() and not ends_sentence(line)


def has_code(line: str) -> bool:
    """Return whether a line is data or code, not prose."""
    return _CODE.match(line.strip()) is not None


def _called_at(lines: list[str]) -> int:
    """Return where the options begin that a line at the end calls for, which may be sentences; else the end."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or is_item(lines[end - 1]) or _DASHED.match(lines[end - 1].strip())):
        end -= 1
    return end if end and _CALL.match(lines[end - 1].strip()) else len(lines)


def without_headings(text: str, *, titles: bool = True) -> str:
    """Return a text without its headings and the labels of its parts; what another speaker says ends it.

    Without ``titles`` a short first line is none, and lines of a play belong to it.
    """
    kept: list[str] = []
    first, _, rest = text.lstrip().partition("\n")
    text = rest if titles and is_title(first, rest) else text
    said = said_at(text) if titles else []
    text = text[: said[0]] if len(said) > 1 and text[: said[0]].strip() else text
    lines = text.split("\n")
    for written, shown in zip(lines, _displayed(lines), strict=True):
        line, plain = written, written.strip()
        if shown:
            kept.append(line)
            continue
        if (_SPEAKER.match(plain) or _CHOSEN.match(plain) or has_code(plain)) and any(kept):
            break
        if is_heading(plain) or has_code(plain):
            continue
        if label := _LABEL.match(plain):
            if label["label"].casefold() in _TITLES:
                continue
            line = plain[label.end() :]
        kept.append(line)
    return tidy("\n".join(kept))


def without_announcement(text: str) -> str:
    """Return a text without the line before it that announces it, and those behind it that speak about it."""
    lines = text.strip().split("\n")
    while lines and (not lines[0].strip() or is_lead(lines[0].strip())):
        first = lines.pop(0).strip()
        # On the same line, behind a colon, the text itself may begin.
        before, colon, rest = first.partition(":")
        if colon and len(before) < 120 and len(rest.strip()) > 40:
            lines.insert(0, rest.strip())
            break
        told = "".join(pieces(first)[1:])
        if told and not is_lead(told) and is_lead(first.removesuffix(told).strip()):
            lines.insert(0, told)
            break
    while lines and (not lines[-1].strip() or _is_afterword(lines[-1].strip())):
        lines.pop()
    return tidy("\n".join(lines))


def _is_afterword(line: str) -> bool:
    """Return whether a line speaks about the text, and no sentence beside that is of the story itself."""
    if len(line) >= 300 or not is_about_text(line):
        return False
    return all(is_about_text(each) or not _READER.search(each) for each in pieces(line))


def unfinished_line(text: str) -> str:
    """Return the last line of a text that is being written, if more may show that it does not belong there."""
    last = text.rsplit("\n", 1)[-1].strip()
    odd = any((is_heading(last), is_item(last), is_label(last), _CALL.match(last), _MAY_BECOME.match(last)))
    # What a first line has before a colon is nobody's name.
    return last if odd or ("\n" in text.strip() and may_be_said(last)) else ""
