"""The project's own engine through its public interface; its model process answers over its socket."""

import asyncio
import functools
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from benchmarks.text_bench.chats import MIN_P, TEMPERATURE, TOP_K, TOP_P, Answer, Chat, Language
from benchmarks.text_bench.contender import Contender, Room, Start, now
from workers.engines.text.base import Completion, Sampling, TextRequest
from workers.engines.text.llama.engine import LlamaEngine
from workers.engines.text.llama.protocol import Statistics


class Ours:
    """Streams all chats at once; the engine decides the order of service."""

    def __init__(self, engine: LlamaEngine) -> None:
        self._engine = engine

    async def run(self, chats: Sequence[Chat]) -> list[Answer]:
        """See `Contender`. Rendering and tokenising are part of what is measured."""
        begin = now()
        return list(await asyncio.gather(*(self._answer(i, chat, begin) for i, chat in enumerate(chats))))

    async def _answer(self, i: int, chat: Chat, begin: float) -> Answer:
        arrived = begin + chat.at
        await asyncio.sleep(max(0.0, arrived - now()))
        sampling = Sampling(max_tokens=chat.new, temperature=TEMPERATURE, top_p=TOP_P, top_k=TOP_K, min_p=MIN_P, seed=i)
        text: list[str] = []
        times: list[float] = []
        request = TextRequest(f"chat-{i}", chat.messages, sampling, tenant=chat.tenant)
        # Leaving the stream cancels it.
        async with aclosing(self._engine.stream(request)) as pieces:
            async for piece in pieces:
                if isinstance(piece, Completion):
                    break
                # One token is one word; several arrive together if this process was late to read.
                text.append(piece)
                times += [now()] * piece.count(" ")
                if chat.cancel_after is not None and len(times) >= chat.cancel_after:
                    break
        return Answer("".join(text), arrived, tuple(times))

    async def statistics(self) -> Statistics | None:
        """See `Contender`."""
        (known,) = await self._engine.statistics()
        return Statistics(**{field: known[field] for field in Statistics.model_fields}) if known["loaded"] else None


def ours(max_num_batched_tokens: int | None = None) -> Start:
    """Return a function that starts the engine; ``max_num_batched_tokens`` None leaves the engine's own default."""
    return functools.partial(_ours, max_num_batched_tokens)


@asynccontextmanager
async def _ours(
    max_num_batched_tokens: int | None, model: Path, language: Language, room: Room
) -> AsyncGenerator[Contender]:
    del language
    make = functools.partial(
        LlamaEngine,
        model,
        context=room.context,
        cells=room.cells,
        max_num_seqs=room.parallel,
        threads=room.threads,
        gpu_layers=room.gpu_layers,
    )
    engine = make() if max_num_batched_tokens is None else make(max_num_batched_tokens=max_num_batched_tokens)
    try:
        yield Ours(engine)
    finally:
        await engine.close()
