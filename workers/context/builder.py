"""The pipeline: filter, sort, budget, distil, trim, fit the past, and check the whole by its exact count."""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from workers.context.build import Build, ElementTooLarge, Form, LayerUse, LeftOut, Placed, PromptTooLarge, Wanted
from workers.context.counting import TokenCounter
from workers.context.elements import LAYERS, PRIORITIES, Container, Element, MemoryElement, content_key, layer_of
from workers.context.extract import ExtractCache, distil
from workers.context.fit import LEAST_TOKENS, SEPARATOR, Fit, Fitter
from workers.context.layers import SUMMARY_SHARE, Budget, Window, level_of, shares
from workers.context.selection import select
from workers.context.settings import ContextSettings

Measure = Callable[[Build], Awaitable[int]]
"""Renders a build into its prompt and returns the prompt's exact number of tokens."""

MOST_DISTILLED: Final = 8
"""A text is distilled to an eighth at most: less is another text."""
ROUNDS: Final = 8
"""How often a build is made smaller after its prompt was counted."""
QUANTA: Final = 32
"""What others use is counted in such parts of the window: the past does not move with every token of theirs."""


class ContextBuilder:
    """Builds contexts. One per process: it remembers what it extracted."""

    def __init__(self, settings: ContextSettings | None = None) -> None:
        """``settings`` are read from the environment if None."""
        self.settings = settings or ContextSettings()
        self._extracts = ExtractCache()

    def size_of(self, context: int) -> int:
        """Return how much of a model's window is used, in tokens."""
        return min(context, self.settings.max_tokens or context)

    def surely_recent(self, context: int, chat: bool) -> int:
        """Return the tokens of a past that is told word by word in any case, in a model's window of ``context``."""
        parts = self.settings.parts(chat)
        # An answer takes a third of a window at most.
        return self.size_of(context) * 2 // 3 * parts["C"] // sum(parts.values())

    async def build(
        self, container: Container, window: Window, counter: TokenCounter, measure: Measure | None = None
    ) -> Build:
        """Return what fits of ``container``.

        With ``measure`` the whole prompt is counted and built smaller until it fits: it never exceeds ``window``.
        Raises `ElementTooLarge` if an element of high priority does not fit, `PromptTooLarge` if the prompt itself does
        not.
        """
        less, tokens = 0, 0
        quantum = max(1, window.size // QUANTA)
        for _ in range(ROUNDS):
            build = await _Pipeline(container, window, counter, self.settings, self._extracts, less).run()
            if measure is None:
                return build
            tokens = await measure(build)
            if tokens <= window.limit:
                return replace(build, prompt_tokens=tokens)
            # In whole steps, so that the next turn needs no other.
            less += math.ceil((tokens - window.limit) / quantum) * quantum
        raise PromptTooLarge(tokens, window.limit)


class _Sized(NamedTuple):
    """An element with the text that would be told of it, and the tokens of that."""

    element: Element
    text: str
    tokens: int

    @property
    def cost(self) -> int:
        return self.tokens + SEPARATOR


@dataclass
class _Pipeline:
    """One build; ``less`` tokens of the window are not used."""

    container: Container
    window: Window
    counter: TokenCounter
    settings: ContextSettings
    extracts: ExtractCache
    less: int
    placed: list[Placed] = field(default_factory=list[Placed])
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])
    wanted: dict[str, Wanted] = field(default_factory=dict[str, Wanted])

    async def run(self) -> Build:
        container, window, settings = self.container, self.window, self.settings
        room = window.limit - math.ceil(window.size * settings.buffer) - self.less
        if room <= window.fixed:
            raise PromptTooLarge(window.fixed, room)
        share = shares(room, window.fixed, settings.parts(container.chat))
        self.budget = Budget(room - window.fixed, share)
        self.fitter = Fitter(
            container.past, self.counter, self.extracts, settings.verbatim, settings.step, settings.summary_tokens,
            window.per_item,
        )  # fmt: skip
        elements, self.left_out = select(container)
        self.left_out += [LeftOut(each, "memory", "E", "late") for each in container.late]
        counts = await self.fitter.count_with([element.text.strip() for element in elements])
        sized = [_Sized(e, e.text.strip(), tokens) for e, tokens in zip(elements, counts, strict=True)]
        await self._place_high([each for each in sized if each.element.priority == "high"])
        past = sum((await self.fitter.sizes()).values()) if self.fitter.complete else room
        self.for_summaries = round(share["E"] * SUMMARY_SHARE) if past > share["C"] and container.past.count else 0
        # What the past has in any case: more than half of its share only as far as nobody else needs it.
        self.for_past = min(past, max(await self._newest(), share["C"] // 2), self.budget.left)
        for priority in PRIORITIES[1:]:
            await self._place([each for each in sized if each.element.priority == priority])
        return self._finished(await self._fit())

    async def _newest(self) -> int:
        """Return what the newest messages or pages take, as far as it is no more than half of their layer."""
        return min(await self.fitter.newest(), self.budget.share["C"] // 2)

    async def _place_high(self, sized: Sequence[_Sized]) -> None:
        """Place what must be there; what does not fit is distilled, none to less than an eighth.

        Raises `ElementTooLarge`, naming the largest where they are too many.
        """
        room = self.budget.left - await self._newest() - SEPARATOR * len(sized)
        level = level_of((each.tokens for each in sized), room, MOST_DISTILLED)
        if level < 0:
            largest = max(sized, key=lambda each: each.tokens)
            raise _too_large(largest, level_of((each.tokens for each in sized), room))
        for each in sized:
            share = max(level, -(-each.tokens // MOST_DISTILLED))
            if each.tokens <= share:
                self._put(each)
            elif (shorter := await self._distilled(each, share)) is not None:
                self._put(shorter)
            else:
                raise _too_large(each, share)

    async def _place(self, sized: Sequence[_Sized]) -> None:
        """Place elements of one priority: each within its layer's room, then in what is left over.

        Once one of a higher priority found no room, none of these gets any.
        """
        full = any(each.reason == "no_room" for each in self.left_out)
        over: list[_Sized] = []
        for each in await self._shortened(sized):
            room = self.budget.room_of(layer_of(each.element), self.for_summaries)
            if not full and each.cost <= min(room, self.budget.left - self.for_past):
                self._put(each)
            else:
                over.append(each)
        for each in over:
            room = 0 if full else self.budget.left - self.for_past - self.for_summaries - SEPARATOR
            if each.tokens <= room:
                self._put(each)
            elif room >= LEAST_TOKENS and (shorter := await self._distilled(each, room)) is not None:
                self._put(shorter)
            else:
                element = each.element
                self.left_out.append(
                    LeftOut(element.id, element.kind, layer_of(element), "no_room", each.tokens, _label(element))
                )

    async def _shortened(self, sized: Sequence[_Sized]) -> list[_Sized]:
        """Where a layer passes `distil_at` of its room, take the shorter forms that there are, the largest text first.

        Those that there are not are wanted.
        """
        found = {each.element.id: each for each in sized}
        for layer in LAYERS:
            most = self.settings.distil_at * self.budget.room_of(layer, self.for_summaries)
            mine = [each for each in sized if layer_of(each.element) == layer]
            for each in sorted(mine, key=lambda each: (-each.tokens, each.element.id)):
                if sum(found[one.element.id].cost for one in mine) <= most or each.tokens <= 2 * LEAST_TOKENS:
                    break
                element = each.element
                shorter = self.container.shorter.get(content_key(element.text, element.content), "").strip()
                (tokens,) = await self.counter.count([shorter])
                if shorter and tokens < each.tokens:
                    found[element.id] = _Sized(element, shorter, tokens)
                else:
                    self._want(element, each.tokens // 2)
        return [found[each.element.id] for each in sized]

    async def _distilled(self, each: _Sized, tokens: int) -> _Sized | None:
        """Return an element within ``tokens``; None if that is too little for it."""
        element = each.element
        if tokens <= 0 or tokens * MOST_DISTILLED < each.tokens:
            return None
        known = self.container.shorter.get(content_key(element.text, element.content), "").strip()
        (count,) = await self.counter.count([known])
        if not known or count > tokens:
            known = await distil(element.text, tokens, self.counter, element.content)
            (count,) = await self.counter.count([known])
            self._want(element, tokens)
        return _Sized(element, known, count) if known and count <= tokens else None

    def _want(self, element: Element, tokens: int) -> None:
        key = content_key(element.text, element.content)
        self.wanted.setdefault(element.id, Wanted(element.id, key, element.content, tokens))

    def _put(self, each: _Sized) -> None:
        element, layer = each.element, layer_of(each.element)
        self.budget.take(layer, each.cost)
        form: Form = "whole" if each.text == element.text.strip() else "distilled"
        self.placed.append(
            Placed(element.id, element.kind, layer, each.text, each.tokens, form, element, _label(element))
        )

    async def _fit(self) -> Fit:
        """Fit the past into what is left, in whole steps."""
        budget, container = self.budget, self.container
        quantum = max(1, self.window.size // QUANTA)
        taken = 0
        for layer in LAYERS:
            used = math.ceil(budget.used[layer] / quantum) * quantum
            if layer in container.varying:
                used = max(used, budget.share[layer] - (self.for_summaries if layer == "E" else 0))
            taken += used
        room = budget.room - taken
        if room < min(budget.left, self.for_past + self.for_summaries):
            room = budget.left
        return await self.fitter.fit(room, self.for_summaries or room // 3)

    def _leave_out_told(self, fit: Fit) -> None:
        """Leave out passages of messages and pages that are told word by word."""
        told = {each.item.id for each in fit.items if not each.squeezed}
        for each in list(self.placed):
            if isinstance(each.element, MemoryElement) and each.element.source in told:
                self.placed.remove(each)
                self.budget.take(each.layer, -each.tokens - SEPARATOR)
                self.left_out.append(LeftOut(each.id, each.kind, each.layer, "repeated", each.tokens, each.label))

    def _finished(self, fit: Fit) -> Build:
        budget, window, past = self.budget, self.window, self.container.past
        self._leave_out_told(fit)
        budget.take("C", fit.item_tokens)
        budget.take("E", fit.span_tokens)
        if fit.spans:
            self.left_out.append(LeftOut(f"history:0-{fit.cut - 1}", "history", "C", "summarised"))
        for first, last in fit.gaps:
            known = last >= past.count - len(past.items) or any(span.first <= last for span in past.spans)
            self.left_out.append(LeftOut(f"history:{first}-{last}", "history", "E", "no_room" if known else "unknown"))
        others = sorted((each for each in self.placed if each.kind != "request"), key=_place_in_prompt)
        fixed = {"A": window.fixed}
        return Build(
            window=window,
            early=tuple(each for each in others if not _is_volatile(each)),
            summaries=tuple(
                Placed(s.id, "history", "E", s.text, s.tokens, "summary", first=s.first, last=s.last) for s in fit.spans
            ),
            recent=tuple(
                Placed(
                    f.item.id, "history", "C", f.text, f.tokens, "trimmed" if f.squeezed else "whole", f.item,
                    first=f.item.position, last=f.item.position,
                )
                for f in fit.items
            ),
            late=tuple(each for each in others if _is_volatile(each)),
            requests=tuple(each for each in self.placed if each.kind == "request"),
            left_out=tuple(self.left_out),
            layers={
                layer: LayerUse(budget.used[layer] + fixed.get(layer, 0), budget.share[layer] + fixed.get(layer, 0))
                for layer in LAYERS
            },
            cut=fit.cut,
            wanted=tuple(self.wanted.values()),
        )  # fmt: skip


def _too_large(each: _Sized, limit: int) -> ElementTooLarge:
    return ElementTooLarge(each.element.id, _label(each.element), each.tokens, max(0, limit))


def _label(element: Element) -> str:
    return element.label or element.id


def _is_volatile(placed: Placed) -> bool:
    return placed.element is not None and placed.element.volatile


def _place_in_prompt(placed: Placed) -> tuple[int, float, float, str]:
    element = placed.element
    assert element is not None
    score = element.score if isinstance(element, MemoryElement) else 0.0
    return LAYERS.index(placed.layer), element.order, -score, placed.id
