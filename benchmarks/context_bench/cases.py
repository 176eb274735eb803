"""What `benchmarks.context` tells a model: a chat and a story that go on turn by turn, with their summaries.

The texts are made of words that a small vocabulary knows, in the usual lengths: messages of a person 15 to 45 tokens,
replies 50 to 150, pages 200 to 340. Four memories of 20 tokens, which differ from turn to turn, come with each.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from workers.context.history import MESSAGES, PAGES, Scale, SummaryPlace, parts, places
from workers.functions.answer_as_persona import AnswerAsPersona, ChatTurn, PersonaInputs
from workers.functions.base import AiFunction
from workers.functions.memory.summarise import (
    LabelledText,
    Summarise,
    SummariseDialogue,
    SummariseInputs,
    SummariseNarration,
    SummarisePlot,
)
from workers.functions.past import Recalled, ToldSummary
from workers.functions.write_page import PageInputs, PastPage, PathChoice, WritePage

MOST_BYTES: Final = 8192 * 6
"""Of the newest texts so much is read, as `workers.steps.past` does for this window."""
_TEXT: Final = (
    "the a of and to in that with for from by on at is was are were will may must it they this which when where while "
    "name value list object class method call return order time line place point number string character form case "
    "open close set follow begin end hold keep read write look find take give make use first last next other same new "
    "old empty full small long short under over between before after again never always also only"
)
_WORDS: Final = tuple(_TEXT.split())
_CARD: Final[dict[str, Any]] = {
    "name": "Mira",
    "personality": ["curious", "warm", "a little vain", "slow to anger", "loyal"],
    "interests": ["maps", "tides", "old songs", "how things are named"],
}


def prose(dice: random.Random, words: int) -> str:
    """Return sentences of so many words together."""
    found: list[str] = []
    while words > 0:
        length = min(words, dice.randint(5, 16))
        found.append(" ".join(dice.choices(_WORDS, k=length)).capitalize() + dice.choice((".", ".", ".", "?", "!")))
        words -= length
    return " ".join(found)


def _recalled(dice: random.Random) -> list[Recalled]:
    """Return a few things remembered; every turn it is others."""
    return [Recalled(kind="fact", id=n, text=prose(dice, 14)) for n in sorted(dice.sample(range(1, 1000), 4))]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one answer is written from, and the texts in it that no prompt held before."""

    inputs: Any
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """A summary that the background wrote: by which function and from what."""

    function: Summarise
    inputs: SummariseInputs


@dataclass
class _Summaries:
    """The summaries of a past so far, as the background job writes them: in the offline form, without a model."""

    scale: Scale
    function: Summarise
    found: dict[SummaryPlace, ToldSummary] = field(default_factory=dict[SummaryPlace, ToldSummary])

    def follow(self, texts: Sequence[str]) -> list[Written]:
        """Write those that are missing."""
        written: list[Written] = []
        for place in places(len(texts), (), self.scale):
            if place in self.found:
                continue
            below = parts(place, (), len(texts), self.scale) if place.level > 1 else ()
            sources = [self.found[p].text for p in below] or texts[place.first : place.last + 1]
            function = SummarisePlot() if place.level > 1 else self.function
            inputs = SummariseInputs(passages=[LabelledText(text=text) for text in sources], language="en")
            text = function.offline(inputs).text
            self.found[place] = ToldSummary(
                id=len(self.found) + 1, level=place.level, first=place.first, last=place.last, text=text
            )
            written.append(Written(function, inputs))
        return written


def written_summaries(texts: Sequence[str]) -> Iterator[tuple[SummaryPlace, str]]:
    """Yield the summaries of a story's pages, lower levels first."""
    summaries = _Summaries(PAGES, SummariseNarration())
    summaries.follow(texts)
    yield from ((place, summary.text) for place, summary in summaries.found.items())


class MadeConversation:
    """A chat with a persona."""

    name = "chat"

    def __init__(self, seed: int = 11) -> None:
        """The same seed: the same chat."""
        self._dice = random.Random(seed)
        self._card = {**_CARD, "scenario": prose(self._dice, 60), "speaking_style": prose(self._dice, 25)}
        self._card |= {"appearance": prose(self._dice, 40), "example_dialogue": prose(self._dice, 90)}
        self.function: AiFunction[Any, Any] = AnswerAsPersona()

    def turns(self, count: int) -> Iterator[tuple[Turn, list[Written]]]:
        """Yield so many messages to answer, and what the background wrote since the one before."""
        said: list[ChatTurn] = []
        summaries = _Summaries(MESSAGES, SummariseDialogue())
        reply: tuple[str, ...] = ()
        for at in range(count):
            message = prose(self._dice, self._dice.randint(10, 30))
            written = summaries.follow([turn.text for turn in said])
            first = _newest([turn.text for turn in said])
            inputs = PersonaInputs(
                persona=self._card, user_name="Sam", language="en", message=message, history=said[first:],
                before=first, seed=1, variant=0, summaries=list(summaries.found.values()),
                memories=_recalled(self._dice),
            )  # fmt: skip
            yield Turn(inputs, (*reply, message)), written
            reply = (prose(self._dice, self._dice.randint(35, 105)),)
            said += [ChatTurn(role="user", text=message, id=2 * at + 1)]
            said += [ChatTurn(role="assistant", text=reply[0], id=2 * at + 2)]


class MadeStory:
    """A story, page after page."""

    name = "story"

    def __init__(self, seed: int = 12) -> None:
        """The same seed: the same story."""
        self._dice = random.Random(seed)
        self._premise = prose(self._dice, 60)
        self.function: AiFunction[Any, Any] = WritePage()

    def turns(self, count: int) -> Iterator[tuple[Turn, list[Written]]]:
        """Yield so many pages to write, and what the background wrote since the one before."""
        pages: list[PastPage] = []
        path: list[PathChoice] = []
        summaries = _Summaries(PAGES, SummariseNarration())
        new: tuple[str, ...] = ()
        for at in range(count):
            written = summaries.follow(
                [f"{page.text}\n{choice.text}" for page, choice in zip(pages, path, strict=True)]
            )
            first = _newest([page.text for page in pages])
            inputs = PageInputs(
                title="The Door", premise=self._premise, genre="fantasy", language="en", rating="sfw", seed=1,
                variant=0, page_number=at + 1, path=path, pages=pages[first:],
                summaries=list(summaries.found.values()),
                memories=_recalled(self._dice),
            )  # fmt: skip
            yield Turn(inputs, new), written
            page = PastPage(title="A page", text=prose(self._dice, self._dice.randint(150, 240)), id=at + 1)
            choice = PathChoice(text=prose(self._dice, 8), kind="bold")
            pages, path = [*pages, page], [*path, choice]
            new = (page.text, choice.text)


def _newest(texts: Sequence[str]) -> int:
    """Return from where on texts are read."""
    left = MOST_BYTES
    for at in range(len(texts) - 1, -1, -1):
        left -= len(texts[at].encode())
        if left < 0:
            return at + 1
    return 0
