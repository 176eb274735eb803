"""The check of requests: the rating that a text needs, and whether it sexualises minors.

It looks for words, and errs on the side of refusing: any text that mentions both a minor and something sexual is
refused. It is one of several gates; the others are negative prompts and the picture classifier.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from prompts.errors import PromptInvalid
from prompts.safety.ages import Ages
from prompts.safety.normalise import (
    backwards,
    fold,
    line,
    readings,
    spelt,
    squeezed,
    uncertain,
    words,
)
from prompts.safety.rating import Rating, exceeds
from prompts.safety.terms import InnocentPhrases, TermList
from prompts.yaml_text import parse_yaml

Refusal = Literal["minors", "rating"]

_MAX_COMPOUND: Final = 48
_NOT_ADULT: Final = frozenset(
    {"adult", "adults", "grownup", "grownups", "grown", "mature", "erwachsene", "adulte", "adulto", "adulta"}
)
_NOT_DRESSED: Final = frozenset(
    {"clothes", "clothing", "clothed", "dressed", "kleidung", "vetements", "ropa", "vestiti"}
)


class _Hinted(BaseModel):
    """Words that mean something only beside certain others, which show the language."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    meaning: Literal["minors", "sexual"]
    words: tuple[str, ...]
    beside: tuple[str, ...]


class _Lists(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    always: tuple[str, ...]
    minors: tuple[str, ...]
    explicit: tuple[str, ...]
    suggestive: tuple[str, ...]
    hinted: tuple[_Hinted, ...]
    innocent: tuple[str, ...]
    small_numbers: tuple[str, ...]
    years: tuple[str, ...]
    age_words: tuple[str, ...]
    tens: tuple[str, ...]
    things: tuple[str, ...]
    unmeant: tuple[str, ...]
    adults: tuple[str, ...]
    no_adults: tuple[str, ...]
    crisis: tuple[str, ...]
    no_crisis: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result for a text: ``minors`` if a minor is mentioned, ``needs`` the rating that its words need.

    ``forbidden`` if it sexualises minors, which no rating allows. ``adults`` if it says of somebody that they are of
    age. ``crisis`` if a person speaks of ending or harming their own life, not of somebody's death in a story.
    """

    minors: bool
    needs: Rating
    forbidden: bool
    adults: bool = False
    crisis: bool = False


@dataclass(frozen=True, slots=True)
class _Views:
    """A text as the lists are searched in: certain readings, and guesses that only count where minors may be meant."""

    bare: str
    """Folded."""
    lines: str
    """The words of all readings, innocent phrases taken out."""
    close: str
    """Without blanks, for scripts that have none."""
    spelt: str = ""
    """Words spelled letter by letter."""
    uncertain: str = ""
    """With letters that may be one or another."""
    words: tuple[list[str], ...] = ()
    """Of the first two readings, without what looks like a split word but is none."""
    backwards: str = ""
    """Each word reversed."""
    far: str = ""
    """``close`` reversed."""

    def certain(self, terms: TermList) -> bool:
        return terms.among(self.lines, self.close) or terms.within(self.spelt)

    def guessed(self, terms: TermList) -> bool:
        return terms.possible(self.uncertain) or terms.joined(self.words) or terms.backwards(self.backwards, self.far)

    def anyhow(self, terms: TermList) -> bool:
        return self.certain(terms) or self.guessed(terms)


class PromptCheck:
    """Looks for the words of ``terms.yaml``. Time grows linearly with the text."""

    def __init__(self, lists: _Lists) -> None:
        """``lists`` is the file's content."""
        self._always = TermList(lists.always)
        self._minors = TermList((*lists.minors, *lists.age_words))
        self._explicit, self._suggestive = TermList(lists.explicit), TermList(lists.suggestive)
        self._sexual = TermList((*lists.explicit, *lists.suggestive))
        self._adults, self._crisis = TermList(lists.adults), TermList(lists.crisis)
        self._ages = Ages(lists.small_numbers, lists.years, lists.tens)
        self._innocent = InnocentPhrases(lists.innocent, self._ages.number, lists.things)
        self._hinted = [(hint.meaning, TermList(hint.words), TermList(hint.beside)) for hint in lists.hinted]
        self._any_hinted = TermList(word for hint in lists.hinted for word in hint.words)
        self._unmeant = InnocentPhrases(lists.unmeant)
        self._no_adults, self._no_crisis = InnocentPhrases(lists.no_adults), InnocentPhrases(lists.no_crisis)

    def prepare(self) -> None:
        """Compile what only some texts need, before one of them has to wait for it. Blocking."""
        self._innocent.prepare()

    def scan(self, *texts: str) -> Finding:
        """Return the result for some texts taken together, such as a persona's card and the request to it."""
        whole = fold("\n".join(texts))
        folded = self._innocent.cut(whole)
        views = self._views(folded)
        minors, explicit, suggestive, hinted = self._certain(views)
        # A guess alone decides nothing: it needs its counterpart.
        sexual = explicit or suggestive or hinted or views.guessed(self._sexual)
        young = minors or (sexual and self._perhaps_young(views))
        forbidden = (young and sexual) or views.certain(self._always) or self._compounds(views) or self._turned(whole)
        needs: Rating = "nsfw" if explicit or forbidden else "suggestive" if suggestive else "sfw"
        return Finding(minors or forbidden, needs, forbidden, self._of_age(views), self._in_crisis(views))

    def _certain(self, views: _Views) -> tuple[bool, bool, bool, bool]:
        """Return whether there are minors, explicit and suggestive words, and some that are sexual beside minors."""
        minors, explicit, suggestive = map(views.certain, (self._minors, self._explicit, self._suggestive))
        hinted = self._hints(views) if views.anyhow(self._any_hinted) else set[str]()
        minors = minors or "minors" in hinted or self._ages.certain(views.lines, views.bare)
        return minors, explicit, suggestive, "sexual" in hinted

    def _hints(self, views: _Views) -> set[str]:
        return {meaning for meaning, term, context in self._hinted if views.anyhow(term) and views.anyhow(context)}

    def _perhaps_young(self, views: _Views) -> bool:
        return views.guessed(self._minors) or self._ages.guessed(views.lines, views.backwards, views.bare)

    def _turned(self, folded: str) -> bool:
        """Return True if the text sexualises minors when it is read backwards."""
        text = folded[::-1]
        minors, *sexual = self._certain(_Views(text, f" {' '.join(words(text))} ", squeezed(text)))
        return minors and any(sexual)

    def _compounds(self, views: _Views) -> bool:
        return any(map(self._compound, {word for word in views.lines.split(" ") if 6 < len(word) <= _MAX_COMPOUND}))

    def _views(self, folded: str) -> _Views:
        tokens = readings(folded)
        lines = _unmarked(self._innocent.cut("\n".join(map(line, tokens))))
        close = squeezed(folded)
        # The second reading is one that resolves letters in disguise.
        left = [self._unmeant.cut(each).split() for each in lines.split("\n", 2)[:2]]
        return _Views(
            folded,
            lines,
            close,
            " ".join(spelt(folded)),
            _unmarked("\n".join(map(line, uncertain(folded)))),
            tuple(left),
            "\n".join(map(line, backwards(left[0]))),
            close[::-1],
        )

    def _of_age(self, views: _Views) -> bool:
        # The plain reading only: a disguise is no sign of anybody's age.
        plain, bare = self._no_adults.cut(views.lines.partition("\n")[0]), self._no_adults.cut(views.bare)
        return self._adults.among(plain, squeezed(bare)) or self._ages.grown(plain, bare)

    def _in_crisis(self, views: _Views) -> bool:
        return self._crisis.among(self._no_crisis.cut(views.lines), squeezed(self._no_crisis.cut(views.bare)))

    def _compound(self, word: str) -> bool:
        """Return True for a minor and something sexual in one word, as in tags."""
        young, sexual = self._minors.exact | self._minors.prefixes, self._explicit.exact | self._explicit.prefixes
        return any(
            (word[:cut] in young and word[cut:] in sexual) or (word[cut:] in young and word[:cut] in sexual)
            for cut in range(3, len(word) - 2)
        )


def _unmarked(lines: str) -> str:
    """Return lines without the marks between clauses."""
    return "\n".join(f" {' '.join(each.replace('.', ' ').split())} " for each in lines.split("\n"))


@lru_cache(maxsize=1)
def default_check() -> PromptCheck:
    """Return the check with the shipped words. Raises `PromptInvalid`."""
    text = (files("prompts") / "safety" / "terms.yaml").read_text(encoding="utf-8")
    try:
        return PromptCheck(_Lists.model_validate(parse_yaml(text)))
    except ValueError as error:
        raise PromptInvalid(f"terms.yaml: {error}") from error


def scan(*texts: str) -> Finding:
    """Return the result for some texts by the shipped words; see `PromptCheck.scan`."""
    return default_check().scan(*texts)


def refusal(rating: Rating, *texts: str, negative: str = "") -> Refusal | None:
    """Return why ``texts`` are refused where ``rating`` holds, None if they are not.

    ``negative`` is the negative prompt of a picture. Its terms are kept out of the picture, so it may name minors; but
    not adults or clothes where their absence would produce refused content.
    """
    finding = scan(*texts)
    if finding.forbidden:
        return "minors"
    if negative:
        unwanted = set(words(fold(negative)))
        if unwanted & _NOT_ADULT and finding.needs != "sfw":
            return "minors"
        if unwanted & _NOT_DRESSED:
            if finding.minors:
                return "minors"
            if exceeds("nsfw", rating):
                return "rating"
    return "rating" if exceeds(finding.needs, rating) else None
