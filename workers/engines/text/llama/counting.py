"""Counts by a model process that need not be asked again: of paragraphs, and of a template's words around messages."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import chain, islice
from typing import Final

from workers.engines.text.base import ModelMessage, Role
from workers.engines.text.counting import KnownCounts
from workers.engines.text.llama.pieces import Cut, pieces
from workers.engines.text.llama.protocol import Count, Counted
from workers.engines.text.unicode import well_formed

COUNTED_AT_ONCE: Final = 512 * 1024
"""Characters of texts that are counted at a time: about 0.1 s, for which other prompts wait."""
FRAMES: Final = 256
"""Sequences of roles whose count is remembered; the longest unused go first."""
_Frame = tuple[tuple[Role, ...], bool]
"""The roles of a prompt's messages, and whether the answer would be held to a JSON schema."""
_Count = Callable[[list[str]], Awaitable[list[int]]]
AskForCount = Callable[[Callable[[int], Count]], Awaitable[Counted]]
"""Asks the process for the counts of the request that is made for a number."""


class LlamaCounts:
    """What one model process has counted, and what it is asked besides.

    A prompt has the tokens of its messages' texts, and those of the template's words around messages of such roles.
    Both are remembered, so that the process is asked only for what is new in a prompt, in one round trip.
    """

    def __init__(self, ask: AskForCount, cut: Cut | None) -> None:
        """``cut`` is where the process cuts texts."""
        self._ask = ask
        self._cut: Cut | None = cut
        self._texts, self._pieces = KnownCounts(), KnownCounts()
        self._frames: OrderedDict[_Frame, int] = OrderedDict()

    async def of_texts(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text. Raises what asking raises."""
        return await self._known(texts, self._count)

    async def of_messages(self, turns: Sequence[ModelMessage], *, constrained: bool) -> int:
        """Return the number of tokens of a prompt of well-formed messages. Raises what asking raises."""
        frame: _Frame = (tuple(turn.role for turn in turns), constrained)
        if (around := self._frames.get(frame)) is not None:
            self._frames.move_to_end(frame)

        async def count(texts: Sequence[str]) -> list[int]:
            nonlocal around
            if around is not None:
                return await self._count(texts)
            *counts, around = await self._count(texts, frame)
            return counts

        # Of a message both parts are read apart: the product's words, and those that may be an account's.
        halves = (half for turn in turns for half in (turn.content[: turn.shared], turn.content[turn.shared :]))
        counts = await self._known([half for half in halves if half], count)
        if around is None:
            await count(())
        assert around is not None
        return sum(counts) + around

    async def _known(self, texts: Sequence[str], count: _Count) -> list[int]:
        """Return the counts of texts; ``count`` is asked for those of their pieces that were not counted before."""
        return await self._texts.many(texts, partial(self._in_pieces, count))

    async def _in_pieces(self, count: _Count, texts: Sequence[str]) -> list[int]:
        cut = [pieces(well_formed(text), self._cut) for text in texts]
        counts = iter(await self._pieces.many(list(chain.from_iterable(cut)), count))
        return [sum(islice(counts, len(each))) for each in cut]

    async def _count(self, texts: Sequence[str], frame: _Frame | None = None) -> list[int]:
        """Ask in one round trip, or in several if the texts are so long that others would wait.

        With ``frame``, the last number is that of the tokens around messages.
        """
        *first, last = _groups(texts)
        counts: list[int] = []
        for group in first:
            counts += (await self._ask(partial(_request, texts=group))).tokens
        counted = await self._ask(partial(_request, texts=last, frame=frame))
        if frame is not None and counted.lasting:
            self._frames[frame] = counted.tokens[-1]
            while len(self._frames) > FRAMES:
                self._frames.popitem(last=False)
        return [*counts, *counted.tokens]


def _request(number: int, texts: tuple[str, ...], frame: _Frame | None = None) -> Count:
    roles, constrained = frame or ((), False)
    return Count(id=number, texts=texts, roles=roles, constrained=constrained)


def _groups(texts: Sequence[str]) -> list[tuple[str, ...]]:
    """Return ``texts`` in groups of about `COUNTED_AT_ONCE` characters, at least one."""
    groups: list[list[str]] = [[]]
    size = 0
    for text in texts:
        size += len(text)
        if groups[-1] and size > COUNTED_AT_ONCE:
            groups.append([])
            size = len(text)
        groups[-1].append(text)
    return list(map(tuple, groups))
