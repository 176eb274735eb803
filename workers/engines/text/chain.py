"""Text engines in order: if one fails, the next one is tried, and every such fallback is noted."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from prompts.sizes import SizeClass
from workers.engines.control import RequestRegistry, closing
from workers.engines.errors import (
    ContextFull,
    EngineError,
    EngineOverloaded,
    EngineUnavailable,
    OtherSize,
    RequestRefused,
    StillThinking,
)
from workers.engines.statistics import reports
from workers.engines.text.base import (
    Completion,
    KnowsCosts,
    ModelMessage,
    SeesPictures,
    TextEngine,
    TextRequest,
    Usage,
    pictures_of,
)
from workers.engines.text.limits import UNKNOWN_CONTEXT, ModelLimits
from workers.engines.text.settings import ROLES
from workers.engines.text.size_class import ModelSize, size_of
from workers.engines.text.turns import TurnFilter, cut_turns
from workers.engines.text.unicode import is_blank, split_half, well_formed

THINKING_FACTOR = 6
THINKING_TOKENS = 8192
"""A model that was still thinking at its maximum length is asked again with this factor, up to this many tokens."""
MAX_PATIENCE_S = 5.0
"""Longest pause before an overloaded engine is asked a second time; after a longer one the next engine is asked."""
_log = logging.getLogger(__name__)
_FALLBACK = (EngineUnavailable, EngineOverloaded, RequestRefused)


@dataclass(frozen=True, slots=True)
class FallbackNote:
    """``engine`` failed with ``error`` (class name) for ``reason``.

    ``discarded_text``: it had already streamed text, which is void.
    """

    engine: str
    error: str
    reason: str
    discarded_text: bool = False


class TextChain:
    """A `TextEngine` over others in order. The `Completion` names the engine that wrote it.

    The next engine is asked after `EngineUnavailable`, `RequestRefused` and `EngineOverloaded` (once more the same
    engine first, if it asks for at most 5 s, or if nothing of its answer can be seen), and after a defect in an engine,
    which is logged. `ContextFull`,
    `GenerationTimedOut` and `GenerationCancelled` propagate: only the caller can act on them. Engines that have the
    requested model come first. Before an engine is asked whose model has another size than the prompt is written for,
    `OtherSize` is raised: the caller has a prompt for that size.
    """

    name = "chain"

    def __init__(self, engines: Sequence[TextEngine] = (), size: ModelSize = "auto") -> None:
        """``engines`` are tried in order. Without any, every request raises `EngineUnavailable`.

        ``size`` is that of all their models, whatever they are.
        """
        self.engines = tuple(engines)
        self._size: ModelSize = size
        self._running = RequestRegistry()

    async def stream(
        self,
        request: TextRequest,
        notes: list[FallbackNote] | None = None,
        *,
        without: Collection[str] = (),
        until: Callable[[str], bool] | None = None,
    ) -> AsyncGenerator[str | Completion]:
        """Yield pieces of text, then the `Completion`; each failure of an engine is appended to ``notes`` at once.

        Engines whose names are in ``without`` are not asked. When ``until`` says so of the text so far, the engine is
        stopped, and that text is the answer.
        With ``notes``, an engine that breaks off in the middle is followed by the next one too: a note with
        ``discarded_text`` says that the pieces so far are void. Without, `EngineOverloaded` is raised then, since the
        caller could not know. Raises `EngineUnavailable` after the last engine.
        """
        loop = asyncio.get_running_loop()
        ends = None if request.deadline_s is None else loop.time() + request.deadline_s
        plan = [engine for engine in self._plan(request.model) if engine.name not in without]
        if pictures_of(request.messages):
            plan = [engine for engine in plan if sees(engine)]
        problems: list[str] = []
        passed = set(without)
        patient, wanted = True, request
        with self._running.enter(request.id, None) as control:
            while plan:
                engine = plan.pop(0)
                streamed, so_far = False, ""
                if request.size is not None and (size := await self.size_of(engine, request.model)) != request.size:
                    raise OtherSize(engine.name, size, frozenset(passed))
                asked = request if ends is None else replace(request, deadline_s=ends - loop.time())
                try:
                    async with closing(_pieces(engine, asked)) as pieces:
                        async for piece in pieces:
                            streamed = True
                            yield piece
                            if until is not None and isinstance(piece, str) and until(so_far := so_far + piece):
                                yield await _ended(engine, asked, so_far)
                                return
                except (*_FALLBACK, ContextFull) as error:
                    if isinstance(error, ContextFull) and request is wanted:
                        error.engine = engine.name
                        raise
                    problems.append(f"{engine.name}: {error}")
                    if streamed and notes is None:
                        raise EngineOverloaded(f"{engine.name} broke off: {error}") from error
                    request = _with_room(request) if isinstance(error, StillThinking) else wanted
                    pause = 0.0
                    if isinstance(error, EngineOverloaded) and patient and error.retry_after <= MAX_PATIENCE_S:
                        plan.insert(0, engine)
                        pause = error.retry_after
                    patient = not plan or plan[0] is not engine
                    passed |= {engine.name} if patient else set()
                    _note(FallbackNote(engine.name, type(error).__name__, str(error), streamed), request, plan, notes)
                else:
                    return
                await control.wait(asyncio.sleep(pause))
        raise EngineUnavailable("no engine could write: " + ("; ".join(problems) or "none is configured"))

    @property
    def is_local(self) -> bool:
        """Whether all engines are local."""
        return all(engine.is_local for engine in self.engines)

    @property
    def model_names(self) -> tuple[str, ...]:
        """The models that an account may choose, in the order of the engines."""
        offered = dict.fromkeys(name for engine in self.engines for name in engine.model_names)
        return tuple(name for name in offered if name not in ROLES)

    @property
    def sees(self) -> bool:
        """Whether pictures can be shown to one of the engines."""
        return any(map(sees, self.engines))

    async def context_size(self, model: str = "") -> int | None:
        """Return the context size of the first engine in line that knows it."""
        for engine in self._plan(model):
            with contextlib.suppress(EngineError):
                if (size := await engine.context_size(model)) is not None:
                    return size
        return None

    async def count_tokens(self, text: str, model: str = "") -> int:
        """Return the number of tokens by the first engine in line that can count them.

        Raises `EngineUnavailable` if none can.
        """
        for engine in self._plan(model):
            try:
                return await engine.count_tokens(text, model)
            except EngineError as error:
                _log.warning("%s cannot count tokens: %s", engine.name, error)
        raise EngineUnavailable("no engine can count tokens")

    async def count_many(self, texts: Sequence[str], model: str = "") -> list[int]:
        """Return the number of tokens of each text by the model that will answer (`limits`)."""
        return await (await self.limits(model)).count(texts)

    async def count_messages(
        self, messages: Sequence[ModelMessage], model: str = "", schema: Mapping[str, Any] | None = None
    ) -> int:
        """Return the number of tokens of a prompt for the model that will answer (`limits`)."""
        return await (await self.limits(model)).count_messages(messages, schema)

    async def limits(
        self, model: str = "", *, engine: str = "", without: Collection[str] = (), context: int | None = None
    ) -> ModelLimits:
        """Return the window and the tokenizer of the model that will answer: of the first engine that can now.

        Its fallbacks may have smaller windows, and a prompt is not made for the smallest: one that is too long for a
        fallback raises `ContextFull` with that ``engine``, for which the caller makes a shorter one. ``context`` is the
        window that such an error names. Engines ``without`` are not considered. May load the model. Never fails.
        """
        for candidate in self._plan(model):
            if candidate.name in without or (engine and candidate.name != engine):
                continue
            try:
                size = await candidate.context_size(model)
            except EngineError as error:
                _log.warning("%s cannot say how much it takes: %s", candidate.name, error)
                continue
            except Exception:  # noqa: BLE001 - a package's engine may raise anything
                _log.exception("a defect in %s", candidate.name)
                continue
            window = min(size or context or UNKNOWN_CONTEXT, context or sys.maxsize)
            return ModelLimits(candidate, model, window, await self.size_of(candidate, model))
        return ModelLimits(None, model, context or UNKNOWN_CONTEXT)

    async def size_of(self, engine: TextEngine, model: str = "") -> SizeClass:
        """Return the class of one engine's model: as it was set for all, else what is known of it. It never fails."""
        return await size_of(engine, model) if self._size == "auto" else self._size

    async def usual_size(self) -> SizeClass:
        """Return the class of the model that writes stories where every engine can write."""
        return await self.size_of(self.engines[0], "writer") if self.engines else "large"

    async def statistics(self) -> list[dict[str, Any]]:
        """Return the figures of all engines, in their order (`workers.engines.statistics.reports`)."""
        reported = await asyncio.gather(*(reports(engine.name, engine.statistics) for engine in self.engines))
        return [report for each in reported for report in each]

    async def cancel(self, request_id: str) -> bool:
        """Stop a generation wherever it runs. False if no engine knows it."""
        known = [await engine.cancel(request_id) for engine in self.engines]
        return self._running.cancel(request_id) or any(known)

    async def close(self) -> None:
        """Close every engine, even if one of them fails to."""
        results = await asyncio.gather(*(engine.close() for engine in self.engines), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    def _plan(self, model: str) -> list[TextEngine]:
        """Return the engines in the order to try for a model or a role."""
        if model in ROLES:
            return list(self.engines)
        return sorted(self.engines, key=lambda engine: model not in engine.model_names)


def sees(engine: TextEngine) -> bool:
    """Return whether pictures can be shown to an engine."""
    return isinstance(engine, SeesPictures) and engine.sees


async def _pieces(engine: TextEngine, request: TextRequest) -> AsyncGenerator[str | Completion]:
    """Yield what an engine writes, up to the mark of another turn (`TurnFilter`).

    Raises `EngineOverloaded` for an answer in which nothing can be seen, and `EngineUnavailable` for a defect in the
    engine, which may be a package's.
    """
    whole, seen = False, False
    turns, held, half = TurnFilter(), list[str](), ""
    try:
        async with closing(engine.stream(request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Completion):
                    whole, answer = True, _visible(piece)
                    if rest := "".join(held) + turns.push(well_formed(half)) + turns.flush():
                        yield rest
                    yield answer
                    continue
                text, half = split_half(half + piece)
                if shown := turns.push(well_formed(text)):
                    held.append(shown)
                    seen = seen or not is_blank(shown)
                    if seen:
                        yield "".join(held)
                        held.clear()
    except EngineError:
        raise
    except Exception as e:
        _log.exception("request %s: a defect in %s", request.id, engine.name)
        raise EngineUnavailable(f"a defect: {type(e).__name__}") from e
    if not whole:
        raise EngineUnavailable("it ended without a completion")


async def _ended(engine: TextEngine, request: TextRequest, text: str) -> Completion:
    """Return the answer of an engine that was stopped after ``text``; of what it used, what can be counted.

    It is billed as if it had ended there.
    """
    used = Usage()
    with contextlib.suppress(EngineError):
        prompt = await engine.count_messages(request.messages, request.model, request.schema)
        used = Usage(prompt, await engine.count_tokens(text, request.model))
        if isinstance(engine, KnowsCosts):
            used = replace(used, cost_usd=await engine.cost_of(used, request.model))
    names = engine.model_names
    model = request.model if request.model in names else next(iter(names), engine.name)
    return Completion(text, "stop", used, engine.name, model)


def _with_room(request: TextRequest) -> TextRequest:
    """Return the request with a larger maximum length."""
    sampling = request.sampling
    room = max(sampling.max_tokens, min(sampling.max_tokens * THINKING_FACTOR, THINKING_TOKENS))
    return replace(request, sampling=replace(sampling, max_tokens=room))


def _visible(completion: Completion) -> Completion:
    """Return an engine's answer up to the mark of another turn. Raises `EngineOverloaded` if nothing can be seen."""
    text = cut_turns(well_formed(completion.text))
    if is_blank(text):
        raise (StillThinking if completion.finish_reason == "length" else EngineOverloaded)("the answer is empty", 0.0)
    return replace(completion, text=text)


def _note(
    note: FallbackNote, request: TextRequest, plan: Sequence[TextEngine], notes: list[FallbackNote] | None
) -> None:
    following = f"{plan[0].name} is next" if plan else "no engine is left"
    _log.warning("request %s: %s failed (%s: %s), %s", request.id, note.engine, note.error, note.reason, following)
    if notes is not None:
        notes.append(note)
