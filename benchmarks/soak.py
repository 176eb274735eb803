"""Endurance of the text engine: random traffic for a long time, and its effect on memory and requests.

    python -m benchmarks.soak [--minutes 30] [--model FILE] [--seed N]

Users chat in growing conversations, with their own or shared personas; some cancel, some set a deadline, some want
JSON, some send too much, and a few disconnect without cancelling. The last line is
``rss_growth=… stuck=… requests=… failures=…``: growth of the model process's memory from the end of the first tenth to
the end, requests that never ended, all requests, and those that failed unexpectedly.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psutil

from workers.engines.errors import ContextFull, GenerationCancelled, GenerationTimedOut
from workers.engines.text.base import Completion, ModelMessage, Sampling, TextRequest
from workers.engines.text.llama.engine import LlamaEngine

STUCK_S = 120.0
"""Seconds after which a request without an end counts as stuck."""
PEOPLE = 24
CONTEXT = 1024
_RULES = "You write with the player. Stay in character, never speak for the player, and keep to the point. " * 3
_WORDS = [
    "the",
    "old",
    "keeper",
    "opened",
    "a",
    "green",
    "door",
    "under",
    "cold",
    "sea",
    "and",
    "heard",
    "bell",
    "ring",
]
_SCHEMA = {
    "type": "object",
    "properties": {
        "mood": {"enum": ["calm", "tense"]},
        "choices": {"type": "array", "items": {"type": "string", "maxLength": 40}, "minItems": 2, "maxItems": 4},
    },
    "required": ["mood", "choices"],
}
_numbers = count(1)


@dataclass
class Result:
    """The results. ``rss`` is the model process's memory in bytes, sampled at regular intervals."""

    ends: Counter[str] = field(default_factory=Counter[str])
    problems: list[str] = field(default_factory=list[str])
    rss: list[int] = field(default_factory=list[int])
    stuck: int = 0

    @property
    def growth(self) -> float:
        """Growth of memory from the end of the first tenth to the end, as a share."""
        settled = self.rss[len(self.rss) // 10 :]
        return settled[-1] / settled[0] - 1 if len(settled) > 1 else 0.0


def _text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choice(_WORDS) for _ in range(words))


async def _person(engine: LlamaEngine, number: int, ends: float, result: Result, seed: int) -> None:
    rng = random.Random(f"{seed} {number}")
    persona = f"Your name is {rng.choice('ABCD')}. " + _text(random.Random(number % 4), 60)
    history: list[ModelMessage] = []
    while time.monotonic() < ends:
        await asyncio.sleep(rng.expovariate(4))
        if rng.random() < 0.1 or sum(len(m.content) for m in history) > 3000:
            history = []
        history.append(ModelMessage("user", _text(rng, rng.randrange(1, 40))))
        answer = await _ask(engine, number, rng, persona, history, result)
        history.append(ModelMessage("assistant", answer))


async def _ask(
    engine: LlamaEngine, number: int, rng: random.Random, persona: str, history: list[ModelMessage], result: Result
) -> str:
    kind = rng.choices(["plain", "cancel", "deadline", "json", "too long", "leave"], [60, 10, 5, 15, 5, 5])[0]
    messages = (ModelMessage("system", _RULES + persona, shared=len(_RULES)), *history)
    if kind == "too long":
        messages = (*messages, ModelMessage("user", _text(rng, 2 * CONTEXT)))
    request = TextRequest(
        id=f"soak-{next(_numbers)}",
        messages=messages,
        sampling=Sampling(max_tokens=rng.randrange(1, 80), temperature=rng.choice([0.0, 0.8, 1.5])),
        schema=_SCHEMA if kind == "json" else None,
        tenant=f"tenant {number % 9}",
        priority=rng.choice([0, 0, 0, 10]),
        deadline_s=rng.random() * 0.5 if kind == "deadline" else None,
    )
    try:
        async with asyncio.timeout(STUCK_S):
            text = await _read(engine, request, kind, rng)
    except TimeoutError:
        result.stuck += 1
        return ""
    except (ContextFull, GenerationCancelled, GenerationTimedOut) as error:
        name = type(error).__name__
        meant = {"cancel": "GenerationCancelled", "deadline": "GenerationTimedOut"}
        result.ends[name] += 1
        if isinstance(error, ContextFull):
            history.clear()  # as a caller that condenses its history would
        elif meant.get(kind) != name:
            result.problems.append(f"{kind}: {error}")
        return ""
    except Exception as error:  # noqa: BLE001 - everything is counted
        result.problems.append(f"{kind}: {error!r}")
        return ""
    result.ends["written"] += 1
    return text


async def _read(engine: LlamaEngine, request: TextRequest, kind: str, rng: random.Random) -> str:
    after = rng.randrange(0, 8)
    text: list[str] = []
    async with aclosing(engine.stream(request)) as pieces:
        async for piece in pieces:
            if isinstance(piece, Completion):
                return piece.text
            text.append(piece)
            if len(text) > after and kind == "cancel":
                await engine.cancel(request.id)
            if len(text) > after and kind == "leave":
                break
    return "".join(text)


async def soak(engine: LlamaEngine, seconds: float, *, seed: int = 0, people: int = PEOPLE) -> Result:
    """Let ``people`` talk to ``engine`` for ``seconds``."""
    result = Result()
    await engine.count_tokens("start")
    pid = engine.process_id
    ends = time.monotonic() + seconds
    tasks = [asyncio.create_task(_person(engine, n, ends, result, seed)) for n in range(people)]
    while not all(task.done() for task in tasks):
        await asyncio.wait(tasks, timeout=max(0.2, seconds / 200))
        if engine.process_id is not None and psutil.pid_exists(engine.process_id):
            result.rss.append(psutil.Process(engine.process_id).memory_info().rss)
    for task in tasks:
        task.result()
    if engine.process_id != pid:
        result.problems.append("the model process died")
    return result


async def _main(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = options.model or _tiny(Path(folder))
        engine = LlamaEngine(path, context=CONTEXT, cells=6 * CONTEXT, threads=options.threads, swap_bytes=2**24)
        try:
            result = await soak(engine, options.minutes * 60, seed=options.seed)
            print(await engine.statistics())
        finally:
            await engine.close()
    for problem, times in Counter(result.problems).most_common(20):
        print(f"{times} times: {problem}")
    print(dict(result.ends), f"{len(result.rss)} samples of memory, last {result.rss[-1] / 2**20:.0f} MiB")
    total = result.ends.total() + result.stuck + len(result.problems)
    print(f"rss_growth={result.growth:.3f} stuck={result.stuck} requests={total} failures={len(result.problems)}")
    return 1 if result.stuck or result.problems else 0


def _tiny(folder: Path) -> Path:
    from tests.models.tiny_gguf import tiny_gguf

    return tiny_gguf(folder)


def main() -> int:
    """Run it and return 1 if a request was stuck or failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--quick", action="store_true", help="one minute")
    parser.add_argument("--model", type=Path, help="a GGUF file; otherwise a tiny random one is made")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.quick:
        options.minutes = 1.0
    return asyncio.run(_main(options))


if __name__ == "__main__":
    sys.exit(main())
