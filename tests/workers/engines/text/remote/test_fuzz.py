"""Whatever a server sends, an answer comes: the server's own or the next engine's, never nothing and never a crash."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.doubles.openai.raw import RawServer
from tests.doubles.text_engine import ScriptedEngine
from tests.effort import times
from tests.workers.engines.text.asking import ask
from workers.engines.errors import EngineError
from workers.engines.retry import RetryPolicy
from workers.engines.text.base import Completion
from workers.engines.text.chain import FallbackNote, TextChain
from workers.engines.text.remote import RemoteEngine, Timeouts
from workers.engines.text.turns import END_TOKENS
from workers.engines.text.unicode import is_blank

FUZZ = settings(
    max_examples=times(20, 1500), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
HEAD = b"HTTP/1.1 %d X\r\ncontent-type: %s\r\nconnection: close\r\n\r\n"
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
words = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [*END_TOKENS, "<think>", "</think>", "\u200b", "\ufeff", "Good evening.", "\ud800", "\x00", "{", '"']
    ),
)
parts = st.lists(
    st.one_of(
        words,
        st.fixed_dictionaries({"type": st.just("text"), "text": words | values}),
        st.fixed_dictionaries({"type": st.just("thinking"), "thinking": words | values}),
        values,
    ),
    max_size=3,
)
deltas = st.fixed_dictionaries(
    {},
    optional={
        "content": words | parts | values,
        "reasoning_content": words | values,
        "refusal": st.none() | st.just("no") | values,
        "role": values,
        "tool_calls": values,
    },
)
choices = st.fixed_dictionaries(
    {},
    optional={
        "index": st.just(0) | values,
        "delta": deltas | values,
        "finish_reason": st.sampled_from(["stop", "length", "content_filter", None, "eos", 7]),
    },
)
chunks = st.fixed_dictionaries(
    {},
    optional={
        "model": st.just("m") | values,
        "choices": st.lists(choices, max_size=2) | values,
        "usage": values | st.fixed_dictionaries({"prompt_tokens": values, "completion_tokens": values}),
        "error": values | st.fixed_dictionaries({"message": values, "code": values}),
    },
)


def event(value: Any) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


good = {"model": "m", "choices": [{"index": 0, "delta": {"content": "Good evening."}, "finish_reason": None}]}
end = {"model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
events = st.one_of(
    chunks.map(event),
    st.sampled_from([event(good), event(end), b"data: [DONE]\n\n", b": comment\n\n", b"event: error\n", b"\n"]),
    st.binary(max_size=12).map(lambda data: b"data: " + data + b"\n\n"),
    st.binary(max_size=12),
)
streams = st.lists(events, max_size=8).map(lambda pieces: [HEAD % (200, b"text/event-stream"), *pieces])
errors = st.tuples(
    st.sampled_from([200, 301, 400, 401, 403, 404, 413, 422, 500, 503, 529, 599]),
    st.sampled_from([b"application/json", b"text/html", b"", b"text/event-stream"]),
    st.one_of(st.binary(max_size=40), values.map(lambda value: json.dumps(value).encode()), st.just(b"")),
).map(lambda found: [HEAD % (found[0], found[1]), found[2]])
answers = st.one_of(streams, streams, errors, st.lists(st.binary(max_size=60), max_size=3))


@pytest.fixture
async def raw() -> AsyncIterator[RawServer]:
    server = RawServer()
    await server.start()
    yield server
    await server.stop()


@FUZZ
@given(answers, st.data())
async def test_an_answer_always_comes(raw: RawServer, answer: list[bytes], data: st.DataObject) -> None:
    cut = data.draw(st.none() | st.integers(0, sum(map(len, answer))), label="cut")
    whole = b"".join(answer)
    raw.pieces = answer if cut is None else [whole[:cut]]
    engine = RemoteEngine(
        raw.url, "m", retry=RetryPolicy(attempts=2, pause_s=0.001), timeouts=Timeouts(first_s=10, between_s=10)
    )
    chain = TextChain([engine, ScriptedEngine(["The next one writes."], name="next")])
    shown, notes, seen = "", list[FallbackNote](), 0
    completion: Completion | None = None
    async for piece in chain.stream(ask(deadline_s=60), notes):
        if len(notes) > seen:
            seen, shown = len(notes), ""
        if isinstance(piece, Completion):
            completion = piece
        else:
            shown += piece
    await engine.close()
    assert completion is not None
    assert completion.text == shown
    assert not is_blank(shown)
    assert not any(token in shown for token in END_TOKENS if token != "</s>")
    shown.encode()


@FUZZ
@given(answers)
@example([HEAD % (200, b"text/event-stream"), event({"choices": True})])
async def test_an_engine_raises_nothing_but_its_own_errors(raw: RawServer, answer: list[bytes]) -> None:
    raw.pieces = answer
    engine = RemoteEngine(raw.url, "m", retry=RetryPolicy(attempts=1), timeouts=Timeouts(first_s=10, between_s=10))
    try:
        async for _ in engine.stream(ask(deadline_s=60)):
            pass
    except EngineError as error:
        assert str(error)  # noqa: PT017 - most answers are none
    await engine.close()
