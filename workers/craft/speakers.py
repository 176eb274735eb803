"""Labels of speakers in a chat, in any spelling: ``Vex:``, ``**Vex**:``, ``[Vex]``, ``VEX -``, ``vex :``, ``🦊Vex：``.

A line is looked at as it stands and as it is read: without signs that nobody sees, emoji and marks around a name.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from functools import lru_cache
from itertools import islice
from typing import Final

from workers.craft.loops import tidy

_OTHERS: Final = ("user", "human", "{{user}}", "<user>")
_OTHERS_OF_A_LINE: Final = (
    "you", "player", "system", "narrator", "instruction", "stranger", "q", "person 1", "person 2", "person a",
    "person b", "speaker 1", "speaker 2",
)  # fmt: skip
"""Labels that may also be somebody's words behind a sentence."""
_OWN: Final = ("{{char}}", "<bot>", "assistant", "ai", "char", "bot", "response", "reply", "answer")
_TAG: Final = r"(?:</?(?:b|i|u|p|em|strong)>){0,2}"
_TIME: Final = r"[\[(]?\d{1,2}:\d\d(?::\d\d)?(?: ?[ap]m)?[\])]?[ -]{1,3}"
_OPEN: Final = rf"[ \t]{{0,16}}(?:[-+•] |[–—] ?|\d[.)] |{_TIME})?{_TAG}[*_\[<({{>#~\" \t]{{0,4}}"
_CLOSE: Final = rf"{_TAG}[*_\]>)}}~\" \u200b-\u200d\u2060\ufeff]{{0,4}}"
_TITLE: Final = r"(?:the |mr\.? |mrs\.? |ms\.? |dr\.? )?"
_SAYS: Final = (
    "says|asks|replies|answers|adds|whispers|mutters|murmurs|shouts|cries|exclaims|responds|continues"
    "|sagt|fragt|antwortet|dit|demande|répond|dice|pregunta|responde|chiede|risponde|говорит|спрашивает|отвечает"
)
_ASIDE: Final = (
    r"(?: ?(?:\([^)\n]{1,40}\)|\[[^\]\n]{1,40}\]|\*[^*\n]{1,40}\*)"
    rf"| (?:{_SAYS})| ?[说說道问問答喊]| ?(?:言う|言った)|['’]s (?:reply|response|answer|turn|line|words))?"
)
_PARTICLES: Final = frozenset({"of", "the", "von", "van", "de", "da", "la", "le", "der", "den", "del", "di"})
NO_NAMES: Final = frozenset(
    {
        "listen", "look", "no", "yes", "well", "so", "and", "but", "now", "then", "here", "there", "this", "that", "it",
        "wait", "remember", "note", "warning", "hint", "rule", "rules", "answer", "question", "truth", "fact", "first",
        "second", "third", "last", "one", "two", "three", "ok", "okay", "true", "false", "ps", "see", "think",
        "imagine", "careful", "also", "still", "please", "sorry", "thanks", "example", "hey", "hm", "hmm", "ah",
        "oh", "good", "fine", "right", "great",
        "because", "is", "are", "my", "your", "what", "why", "how", "when", "who", "where", "i", "you", "we",
        "result", "verdict", "lesson", "problem", "deal", "plan", "hör", "nein", "ja", "achtung", "hinweis", "merke",
        "wichtig", "écoute", "non", "oui", "attention", "escucha", "sí", "ascolta", "guarda", "слушай", "нет", "да",
    }
)  # fmt: skip
"""What people say before a colon that is no name."""
_LABELLED: Final = re.compile(r"^[ \t>*_\[]{0,4}([^\W\d_][\w'’ .-]{0,30}?)[*_\] ]{0,4}[:：]", re.MULTILINE)
_RUN: Final = re.compile(r"\w+")
_MOST_NAMES: Final = 40
"""Names that are looked for at most: a pattern of thousands takes longer than a reply."""


def labels_in(dialogue: str) -> frozenset[str]:
    """Return the names that label the lines of a dialogue: not what somebody says before a colon ("Listen: …").

    Of more names than a chat has, those that come most.
    """
    dialogue = dialogue[:20_000]
    counted = Counter(match[1].strip() for match in _LABELLED.finditer(dialogue))
    words = frozenset(_RUN.findall(dialogue))
    names = (label for label, times in counted.most_common() if _is_name(label, words, once=times < 2))
    return frozenset(islice(names, _MOST_NAMES))


def _is_name(label: str, words: Collection[str], *, once: bool) -> bool:
    """Return whether a label is a name: each word has a capital letter, and none is an ordinary word."""
    parts = label.split()
    if len(parts) > 4 or any(part.casefold() in NO_NAMES for part in parts):
        return False
    if any(part[0].islower() and part not in _PARTICLES for part in parts):
        return False
    # A word that also comes without the capital letter may be a name if it labels more than one line.
    first = parts[0].lower()
    return not (once and first.isascii() and all(each in words for each in _RUN.findall(first)))


class Speakers:
    """The names of a chat: whose turn it is, and everybody else's."""

    def __init__(self, names: Collection[str], others: Collection[str]) -> None:
        """``names`` are of the one who speaks."""
        own = tuple(each for name in names for each in _spellings(name))
        answers = (f"{each}{mark}s {word}" for each in own for mark in "'’" for word in ("response", "reply", "answer"))
        self.own, self._own_alone = _label((*own, *_OWN, *answers), "“„"), _alone(own)
        # Somebody called "No" or "Wishing Well" does not keep others from saying so.
        spelt = {each for other in others for name in (other, _as_read(other)) for each in _spellings(name)}
        known = {each for each in spelt if each not in NO_NAMES}
        named = sorted(known - set(own))
        others = (*named, *(each for each in _OTHERS if each not in own))
        of_lines = (*others, *(each for each in _OTHERS_OF_A_LINE if each not in own))
        self.others, self._others_within = _label(of_lines), _label(others)
        self._headed, self._others_alone = _heading(of_lines), _alone(others)
        self._spoken_to, self._others_say = _spoken_to(tuple(named)), _says(others)

    def own_label(self, text: str) -> bool:
        """Return whether a line begins with the speaker's own label."""
        lines = text.rstrip().split("\n")
        return any(self.own.match(line) for line in lines) or any(self._labels_alone(lines))

    def other_label(self, text: str) -> bool:
        """Return whether somebody else's line begins in a text."""
        return self._other(text) is not None

    def without_labels(self, text: str) -> str:
        """Return a text without the speaker's own label, up to where somebody else's line begins."""
        begin = self._other(text)
        if begin is not None:
            text = text[:begin]
        lines = text.rstrip().split("\n")
        alone = self._labels_alone(lines)
        lines = [line for line, labels in zip(lines, alone, strict=True) if not labels]
        lines = [line[found.end() :] if (found := self.own.match(line)) else line for line in lines]
        return tidy("\n".join(lines))

    def _labels_alone(self, lines: list[str]) -> list[bool]:
        """Return which lines are nothing but the speaker's name, above what they say: no signature of a letter."""
        above = ["", *lines[:-1]]
        found = [
            self._own_alone.match(line) is not None and not before.rstrip().endswith(",")
            for line, before in zip(lines, above, strict=True)
        ]
        return [*found[:-1], False]

    def _other(self, text: str) -> int | None:
        """Return where somebody else's line begins first."""
        text = text.translate(_AS_USUAL)
        at, begins = 0, list[int]()
        lines = text.rstrip().split("\n")
        # Where the speaker has a label, too, it is no address.
        answered = any(self.own.match(line) for line in lines)
        for number, line in enumerate(lines, 1):
            # A name alone in a line labels what follows; in the first line it speaks to somebody.
            alone = 1 < number < len(lines) and self._others_alone.match(line)
            read = _as_read(line)
            if number == 1 and not answered and (self._spoken_to.match(line) or self._spoken_to.match(read)):
                pass
            elif alone or self._labels(line) or (read != line and self._labels(read)):
                begins.append(at)
                break
            at += len(line) + 1
        if (within := self._within(text)) is not None:
            begins.append(within)
        return min(begins, default=None)

    def _labels(self, line: str) -> bool:
        """Return whether a line begins with somebody else's label, or is one."""
        return any(pattern.match(line) for pattern in (self.others, self._headed, self._others_say))

    def _within(self, text: str) -> int | None:
        """Return where in a line, behind a sentence, somebody else's label stands with a colon."""
        for match in _BEHIND_SENTENCE.finditer(text):
            line = text[match.end() : match.end() + _MOST_OF_LABEL].partition("\n")[0]
            read = _as_read(line)
            if self._spoken_to.match(line) or self._spoken_to.match(read):
                continue
            found = self._others_within.match(line) or self._others_within.match(read)
            if found and (":" in found[0] or "：" in found[0]):
                return match.end()
        return None


_AS_USUAL: Final = {
    **dict.fromkeys(map(ord, "∶ː﹕︓꞉˸։׃"), ":"),
    **dict.fromkeys(map(ord, "\u00a0\u1680\u2007\u202f\u3000"), " "),
    **dict.fromkeys(map(ord, "\u2028\u2029\u0085\v\f\r"), "\n"),
}
"""Signs that look like others, each with the one that it is taken for: places in a text stay what they are."""
_UNSEEN: Final = frozenset({"Cf", "So", "Sk", "Mn", "Me", "Co", "Cn"})
"""Categories of signs that are nothing to read, or stand for a picture."""
_QUOTES: Final = re.compile(r"[“”„‟«»‹›‘‚‛『』「」〈〉《》`´@=]")


def _as_read(text: str) -> str:
    """Return a line or name as it is read: without emoji, what nobody sees, and marks that stand around names."""
    if text.isascii():
        return re.sub(r"[`@=]", "", text)
    text = unicodedata.normalize("NFKC", text.translate(_AS_USUAL))
    seen = "".join(sign for sign in unicodedata.normalize("NFC", text) if unicodedata.category(sign) not in _UNSEEN)
    return _QUOTES.sub("", seen).strip(" ")


_BEHIND_SENTENCE: Final = re.compile(r"(?:[.!?…”\"*)] |[。！？」』]) ?(?=\S)")
_MOST_OF_LABEL: Final = 300
"""Characters of a label behind a sentence, with its name."""


def _spellings(name: str) -> tuple[str, ...]:
    """Return a name as labels have it: whole, and each of its words that begins with a capital letter."""
    whole = " ".join(name.split()).casefold()
    words = [word.strip(".,'’\"").casefold() for word in name.split() if word[:1].isupper() or not word.isascii()]
    return tuple(dict.fromkeys(each for each in (whole, *words) if len(each) > 1 or each == whole) if whole else ())


@lru_cache(maxsize=256)
def _label(names: tuple[str, ...], quoted: str = "") -> re.Pattern[str]:
    """Return the pattern of a label at the beginning of a line, perhaps behind one of the marks ``quoted``."""
    anybody = "|".join(re.escape(each) for each in sorted(set(names), key=len, reverse=True))
    mark = f"[{quoted}]?" if quoted else ""
    return re.compile(
        rf"{_OPEN}{mark}{_TITLE}(?:{anybody}){_CLOSE}{_ASIDE}[*_ ]{{0,4}}[:：]{{1,2}}[*_ ]{{0,4}}"
        rf"|[*_ ]{{0,4}}[\[<({{](?:{anybody})[\])}}>][*_ ]{{0,4}}"
        rf"|[*_]{{0,3}}(?:{anybody})[*_]{{0,3}}(?:>{{1,3}}| ?\|)(?: |$)"
        rf"|[*_]{{0,3}}(?:{anybody})[*_]{{0,3}} [-–—] (?=[\"“”„«*\w])(?-i:(?=[\"“”„«*A-ZÀ-ÞА-Я]))",
        re.IGNORECASE,
    )


@lru_cache(maxsize=256)
def _spoken_to(names: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of words to somebody by name: "Sam — I told you …", "Sam: come here!"."""
    anybody = "|".join(re.escape(each) for each in sorted(set(names), key=len, reverse=True))
    return re.compile(
        rf"[*_ \"“„«]{{0,3}}(?:{anybody})(?: [–—-] |[:：] ?(?-i:(?=[^\W\d_A-ZÀ-ÞА-Я])))" if anybody else r"(?!)",
        re.IGNORECASE,
    )


@lru_cache(maxsize=256)
def _says(names: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of a line that somebody says without a colon: "*Vex says* Hush", ``Vex「Hush」``."""
    anybody = "|".join(re.escape(each) for each in sorted(set(names), key=len, reverse=True))
    return re.compile(
        rf"[*_>\- ]{{0,4}}(?:{anybody})(?: (?:{_SAYS})(?:[^*_\n]{{0,40}}[*_]{{1,2}}|,? ?[\"“«„])|[*_ ]{{0,2}}[「『])"
        if anybody
        else r"(?!)",
        re.IGNORECASE,
    )


@lru_cache(maxsize=256)
def _heading(names: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of a heading that is nothing but a name: "### User"."""
    anybody = "|".join(re.escape(each) for each in sorted(set(names), key=len, reverse=True))
    return re.compile(rf"[ \t>]{{0,3}}(?:#{{1,6}} ?|\*\*|<\|)[*_ ]{{0,3}}(?:{anybody})[*_ |>:]{{0,6}}$", re.IGNORECASE)


@lru_cache(maxsize=256)
def _alone(names: tuple[str, ...]) -> re.Pattern[str]:
    """Return the pattern of a line that is nothing but a name."""
    anybody = "|".join(re.escape(each) for each in sorted(set(names), key=len, reverse=True))
    return re.compile(rf"[*_ ]{{0,3}}(?:{anybody})[*_ ]{{0,3}}$" if anybody else r"(?!)", re.IGNORECASE)
