"""The engine for remote servers: routing, retries, deadlines, hidden reasoning, stop strings, cost."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from workers.cutting import ends_sentence
from workers.engines.control import RequestControl, RequestRegistry
from workers.engines.errors import ContextFull, EngineOverloaded, EngineUnavailable, GenerationTimedOut
from workers.engines.openai.address import parse_address
from workers.engines.openai.errors import Trouble
from workers.engines.retry import RetryPolicy
from workers.engines.text.base import Completion, FinishReason, ModelMessage, TextRequest, Usage, pictures_of
from workers.engines.text.counting import TokenBound, TokenBounds
from workers.engines.text.reasoning import ReasoningFilter, answer_among
from workers.engines.text.remote.endpoint import CannotCount, Delta, Endpoint, estimate_prompt, estimate_tokens
from workers.engines.text.remote.openai_endpoint import OpenAIEndpoint, Timeouts
from workers.engines.text.remote.pool import Pool, Server, prefixes_of
from workers.engines.text.remote.prices import Prices, Tokens
from workers.engines.text.remote_settings import Price, ServerSpec
from workers.engines.text.size_class import parameters_in_name
from workers.engines.text.stop_strings import StopStrings
from workers.engines.text.turns import TurnFilter

LEAST_CONTEXT = 256
"""Smaller windows in a refusal are a number that means something else."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Answer:
    """What one server has sent so far."""

    model: str
    started: float
    text: list[str] = field(default_factory=list[str])
    raw: list[str] = field(default_factory=list[str])
    finish: FinishReason | None = None
    tokens: Tokens | None = None
    began: bool = False


class PooledEngine:
    """Writes with the models of one or several servers, which queue excess requests.

    As long as no text has arrived, 429, 5xx and lost connections lead to the next server and, after a growing pause (or
    the servers' ``Retry-After``), to another round; a stream that breaks later raises `EngineOverloaded`. Reasoning is
    hidden, but counts in usage and cost; JSON that was asked for and stands only there is the answer.
    """

    is_local = False

    def __init__(
        self,
        name: str,
        pool: Pool,
        model: str,
        *,
        models: Mapping[str, str] | None = None,
        prices: Mapping[str, Price] | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        context: int | None = None,
        eyes: str = "",
    ) -> None:
        """``models`` maps the roles of requests to model names; ``model`` is for all others.

        ``eyes`` is the model to which pictures are shown; "": none.
        ``retry`` applies to rounds over all servers. ``context`` is the window of the models in tokens; None: as the
        servers say.
        """
        self.name = name
        self._pool = pool
        self._model = model
        self._models = dict(models or {})
        self._eyes = eyes
        self._prices = Prices(prices)
        self._timeouts = timeouts or Timeouts()
        self._retry = retry or RetryPolicy()
        self._running = RequestRegistry()
        self._used = Tokens(0, 0)
        self._context = context
        self._bounds = TokenBounds()
        self._windows: dict[tuple[Server, str], int] = {}
        """What refusals have named, for servers that do not say it before."""

    async def stream(self, request: TextRequest) -> AsyncGenerator[str | Completion]:
        """Yield pieces of text, then the `Completion`. See `workers.engines.text.base.TextEngine`."""
        total = self._timeouts.total_s
        limited = replace(request, deadline_s=total if request.deadline_s is None else min(request.deadline_s, total))
        model = self.model_for(request.model) if not pictures_of(request.messages) else self._eyes or self._model
        prefixes = prefixes_of(request, model)
        troubles: dict[Server, Trouble] = {}
        own = request.deadline_s is None or request.deadline_s > total
        with _limit_of(total if own else None), self._running.enter(limited.id, limited.deadline_s) as control:
            for round_ in range(self._retry.attempts):
                if round_ and not await self._pause(round_, troubles, control):
                    break
                tried: set[Server] = set()
                while (server := self._pool.choose(prefixes, tried)) is not None:
                    tried.add(server)
                    answer = _Answer(model, asyncio.get_running_loop().time())
                    try:
                        with self._pool.lease(server, prefixes):
                            async with aclosing(self._pieces(server, request, answer, control)) as pieces:
                                async for piece in pieces:
                                    yield piece
                    except Trouble as trouble:
                        self._pool.failed(server, trouble, again=server in troubles)
                        if answer.text:
                            raise EngineOverloaded(f"{server.endpoint.url} broke off: {trouble}") from None
                        troubles[server] = trouble
                        _log.warning("request %s: %s failed: %s", request.id, server.endpoint.url, trouble)
                        continue
                    except GenerationTimedOut:
                        self._blame(server, answer)
                        raise
                    except ContextFull as full:
                        self._bounds.of(server.endpoint.url, model).learn_excess(request.messages, full.prompt_tokens)
                        if full.context_tokens >= LEAST_CONTEXT:
                            self._windows[server, model] = full.context_tokens
                        raise
                    self._pool.succeeded(server)
                    if answer.tokens is not None and not pictures_of(request.messages):
                        self._bounds.of(server.endpoint.url, model).learn(request.messages, answer.tokens.prompt)
                    yield self._completion(request, answer, server.endpoint)
                    return
            raise self._pool.verdict(troubles)

    def model_for(self, wanted: str) -> str:
        """Return the name of the model for a role, or for the name of a model that the settings know."""
        if wanted in self._models:
            return self._models[wanted]
        return wanted if wanted in self._models.values() else self._model

    @property
    def sees(self) -> bool:
        """Whether pictures can be shown to one of the models. See `workers.engines.text.base.SeesPictures`."""
        return bool(self._eyes)

    @property
    def model_names(self) -> tuple[str, ...]:
        """The models that the settings name. See `workers.engines.text.base.TextEngine`."""
        return tuple(dict.fromkeys((self.model_for("writer"), self._model, *self._models.values())))

    async def context_size(self, model: str = "") -> int | None:
        """Return the smallest window of the servers: as set, as they say, or as one's refusal named it.

        None if nobody knows it. Raises `EngineUnavailable` if no server may be asked now.
        """
        name = self.model_for(model)
        able = [server for server in self._pool.servers if server.state != "open"]
        if not able:
            raise self._pool.verdict({})
        if self._context is not None:
            return self._context
        said = await asyncio.gather(*(server.endpoint.window(name) for server in able))
        sizes = [size or self._windows.get((server, name)) for server, size in zip(able, said, strict=True)]
        return min((size for size in sizes if size), default=None)

    async def parameters(self, model: str = "") -> int | None:
        """Return the number of parameters of that model, as far as its name says it."""
        return parameters_in_name(self.model_for(model))

    async def count_tokens(self, text: str, model: str = "") -> int:
        """Return the number of tokens by a server's tokenizer, or a bound. See `count_many`."""
        return (await self.count_many([text], model))[0]

    async def count_many(self, texts: Sequence[str], model: str = "") -> list[int]:
        """Return the number of tokens of each text, by a server or by a bound that learns from what they report."""
        name = self.model_for(model)
        for server in self._countable():
            with contextlib.suppress(CannotCount):
                return await server.endpoint.count(texts, name)
        bounds = self._bounds_of(name)
        return [max(bound.of_text(text) for bound in bounds) for text in texts]

    async def count_messages(
        self, messages: Sequence[ModelMessage], model: str = "", schema: Mapping[str, Any] | None = None
    ) -> int:
        """Return the number of tokens of a prompt, by a server or by a bound as in `count_many`."""
        name = self.model_for(model)
        for server in self._countable():
            with contextlib.suppress(CannotCount):
                return await server.endpoint.count_prompt(messages, name, schema)
        return max(bound.of_messages(messages) for bound in self._bounds_of(name))

    async def cost_of(self, usage: Usage, model: str = "") -> float:
        """Return what that many tokens cost by the settings. See `workers.engines.text.base.KnowsCosts`."""
        return self._prices.cost(Tokens(usage.prompt_tokens, usage.completion_tokens), self.model_for(model))

    def _countable(self) -> list[Server]:
        return [server for server in self._pool.servers if server.state == "closed"]

    def _bounds_of(self, name: str) -> list[TokenBound]:
        return [self._bounds.of(server.endpoint.url, name) for server in self._pool.servers]

    async def cancel(self, request_id: str) -> bool:
        """Stop a generation by closing its connection. False if it is not known here."""
        return self._running.cancel(request_id)

    def stats(self) -> dict[str, Any]:
        """Return for every server's URL: healthy, state, reason, in_flight, parallel, served, failed, first_byte_p50_s.

        The last is the median time to the first token in seconds over the last 128 answers, None before the first one.
        """
        return self._pool.stats()

    async def statistics(self) -> list[Mapping[str, Any]]:
        """Return the figures of `stats` in one report. See `workers.engines.text.base.TextEngine`."""
        servers = [
            {"name": url, "running": figures["in_flight"], "problem": figures["reason"], **figures}
            for url, figures in self.stats().items()
        ]
        running = sum(server.in_flight for server in self._pool.servers)
        report = {
            "model": self._model,
            "loaded": True,
            "running": running,
            "prompt_tokens": self._used.prompt,
            "cached_tokens": self._used.cached,
            "completion_tokens": self._used.completion,
            "servers": servers,
        }
        return [report]

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close()

    async def _pieces(
        self, server: Server, request: TextRequest, answer: _Answer, control: RequestControl
    ) -> AsyncGenerator[str]:
        """Yield the visible part of one server's answer, filling ``answer`` meanwhile."""
        thoughts, turns, stops = ReasoningFilter(), TurnFilter(), StopStrings(request.sampling.stop)
        async with aclosing(server.endpoint.deltas(request, answer.model)) as deltas:
            while (delta := await control.wait(self._next(deltas, answer))) is not None:
                if (delta.text or delta.reasoning) and not answer.began:
                    answer.began = True
                    server.first_byte(asyncio.get_running_loop().time() - answer.started)
                _note(delta, answer)
                if piece := stops.push(turns.push(thoughts.push(delta.text))):
                    answer.text.append(piece)
                    yield piece
                if stops.stopped or turns.ended:
                    answer.finish = "stop"
                    break
        if answer.finish is None:
            raise Trouble("down", EngineUnavailable("its stream ended in the middle of an answer"))
        if piece := stops.push(turns.push(thoughts.flush()) + turns.flush()) + stops.flush():
            answer.text.append(piece)
            yield piece

    async def _next(self, deltas: AsyncGenerator[Delta], answer: _Answer) -> Delta | None:
        seconds = self._timeouts.between_s if answer.began else self._timeouts.first_s
        try:
            async with asyncio.timeout(seconds):
                return await anext(deltas, None)
        except TimeoutError:
            silent = EngineUnavailable(f"the server was silent for {seconds:g} s")
            raise Trouble("down", silent, severe=not answer.began) from None

    async def _pause(self, round_: int, troubles: Mapping[Server, Trouble], control: RequestControl) -> bool:
        """Wait for the next round; False if it would be pointless."""
        if troubles and all(trouble.kind == "refused" for trouble in troubles.values()):
            return False
        wait = self._pool.waiting_time()
        pause = None if wait is None else self._retry.pause(round_, wait)
        if pause is None:
            return False
        await control.wait(asyncio.sleep(pause))
        return True

    def _blame(self, server: Server, answer: _Answer) -> None:
        waited = asyncio.get_running_loop().time() - answer.started
        if not answer.began and waited >= self._timeouts.slow_s:
            self._pool.failed(server, Trouble("down", EngineUnavailable(f"the server was silent for {waited:.1f} s")))

    def _completion(self, request: TextRequest, answer: _Answer, endpoint: Endpoint) -> Completion:
        tokens = answer.tokens
        if tokens is None or not tokens.prompt:
            tokens = Tokens(estimate_prompt(request), estimate_tokens("".join(answer.raw)))
        used = self._used
        self._used = Tokens(
            used.prompt + tokens.prompt, used.completion + tokens.completion, used.cached + tokens.cached
        )
        cost = self._prices.cost(tokens, self.model_for(request.model), answer.model)
        usage = Usage(tokens.prompt, tokens.completion, cost)
        finish = answer.finish or "stop"
        unsent = endpoint.unsent(request.sampling, self.model_for(request.model))
        return Completion(_text_of(request, answer), finish, usage, self.name, answer.model, unsent=unsent)


class RemoteEngine(PooledEngine):
    """The ``remote`` engine: any servers that speak OpenAI's chat completions (llama-server, vLLM, Ollama, OpenAI…).

    A server that refuses the JSON schema is asked for any JSON object, then for text; one that refuses an optional
    parameter is asked without that. What a server can do is remembered.
    """

    def __init__(
        self,
        servers: str | Sequence[ServerSpec],
        model: str,
        *,
        api_key: str = "",
        models: Mapping[str, str] | None = None,
        prices: Mapping[str, Price] | None = None,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        cooldown_s: float = 5.0,
        context: int | None = None,
        eyes: str = "",
    ) -> None:
        """``servers`` is one base URL, or several servers that have the same models and take the same key."""
        specs = [ServerSpec(parse_address(servers))] if isinstance(servers, str) else servers
        pool = pool_of(
            [
                (OpenAIEndpoint(spec.address, api_key=api_key, timeouts=timeouts), spec.parallel)
                for spec in {spec.address: spec for spec in specs}.values()
            ],
            cooldown_s,
        )
        super().__init__(
            "remote",
            pool,
            model,
            models=models,
            prices=prices,
            timeouts=timeouts,
            retry=retry,
            context=context,
            eyes=eyes,
        )


@contextmanager
def _limit_of(seconds: float | None) -> Generator[None]:
    """Raise `EngineUnavailable` for a deadline that is this engine's own, not the caller's: others may be faster."""
    try:
        yield
    except GenerationTimedOut:
        if seconds is None:
            raise
        raise EngineUnavailable(f"there was no whole answer in {seconds:g} s") from None


def pool_of(endpoints: Sequence[tuple[Endpoint, int]], cooldown_s: float = 5.0) -> Pool:
    """Return a pool of endpoints, each with the number of requests that it works on at once."""
    return Pool([Server(endpoint, parallel) for endpoint, parallel in endpoints], cooldown_s=cooldown_s)


def _text_of(request: TextRequest, answer: _Answer) -> str:
    """Return an answer's text; JSON that was asked for, and stands in the thoughts alone, is taken from there."""
    text = "".join(answer.text)
    if request.schema is None or answer.finish != "stop" or "{" in text or "[" in text:
        return text
    found = answer_among("".join(answer.raw), request.schema)
    if found:
        _log.warning("request %s: %s files its answer under the reasoning", request.id, answer.model)
    return found or text


def _note(delta: Delta, answer: _Answer) -> None:
    answer.raw += [delta.reasoning, delta.text]
    answer.model = delta.model or answer.model
    if delta.finish == "unknown":
        answer.finish = "stop" if ends_sentence("".join(answer.raw)) else "length"
    else:
        answer.finish = delta.finish or answer.finish
    answer.tokens = delta.tokens or answer.tokens
