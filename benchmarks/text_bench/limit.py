"""The speed limit of llama.cpp itself: the work of its ``llama-batched-bench``, without sampling."""

import asyncio
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import llama_cpp

from benchmarks.text_bench.chats import Answer, Prompt
from benchmarks.text_bench.contender import Room, now

BATCH: Final = 2048
"""Tokens per call, as in the program; llama.cpp computes 512 of them at a time."""
_WORTH_SHARING: Final = 16
"""Tokens: a shorter common prefix is only the template's."""


class OwnLoop:
    """Reads the common prefix of all prompts once, then the rest of each, then continues all of them step by step.

    All prompts are there at the start, all answers have the same length, and nothing is inspected: no logits, no
    clients, no times. It serves no requests, so no server can be faster.
    """

    ready = ""

    def __init__(self, model: Path, room: Room) -> None:
        """Load the model. Raises `RuntimeError` if it cannot be loaded."""
        llama_cpp.llama_backend_init()
        params = llama_cpp.llama_model_default_params()
        params.n_gpu_layers = room.gpu_layers
        self._model: Any = llama_cpp.llama_model_load_from_file(str(model).encode(), params)
        if not self._model:
            raise RuntimeError(f"{model} cannot be loaded")
        self._room = room
        vocabulary: Any = llama_cpp.llama_model_get_vocab(self._model)
        self._words = llama_cpp.llama_vocab_n_tokens(vocabulary)

    def run(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Do the work of the prompts' answers."""
        common = _common([prompt.tokens for prompt in prompts])
        if len(prompts) == 1 or common < _WORTH_SHARING:
            common = 0
        context = self._context(len(prompts), shared=common > 0)
        batch: Any = llama_cpp.llama_batch_init(BATCH, 0, 1)
        try:
            return self._work(context, batch, prompts, common)
        finally:
            llama_cpp.llama_batch_free(batch)
            llama_cpp.llama_free(context)

    def _context(self, sequences: int, *, shared: bool) -> Any:
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = self._room.context * sequences
        params.n_batch = BATCH
        params.n_seq_max = sequences
        params.kv_unified = shared
        params.n_threads = params.n_threads_batch = self._room.threads
        params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
        context = llama_cpp.llama_init_from_model(self._model, params)
        if not context:
            raise RuntimeError("there is no memory for the context")
        return context

    def _work(self, context: Any, batch: Any, prompts: Sequence[Prompt], common: int) -> list[Answer]:
        rng = random.Random(0)
        # The context is new: its first call pays for one-time initialisation.
        self._decode(context, batch, [(1, 0, 0, False)])
        memory: Any = llama_cpp.llama_get_memory(context)
        llama_cpp.llama_memory_seq_rm(memory, 0, -1, -1)
        begin = now()
        if common:
            self._decode(context, batch, [(token, i, 0, False) for i, token in enumerate(prompts[0].tokens[:common])])
            for sequence in range(1, len(prompts)):
                llama_cpp.llama_memory_seq_cp(memory, 0, sequence, -1, -1)
        self._decode(
            context,
            batch,
            [
                (token, i, sequence, i == len(prompt.tokens) - 1)
                for sequence, prompt in enumerate(prompts)
                for i, token in enumerate(prompt.tokens)
                if i >= common
            ],
        )
        times: list[list[float]] = [[now()] for _ in prompts]
        for step in range(1, max(prompt.new for prompt in prompts)):
            going = [i for i, prompt in enumerate(prompts) if step < prompt.new]
            tokens = [(rng.randrange(self._words), len(prompts[i].tokens) + step - 1, i, True) for i in going]
            self._decode(context, batch, tokens)
            for i in going:
                times[i].append(now())
        return [Answer("", begin, tuple(moments)) for moments in times]

    @staticmethod
    def _decode(context: Any, batch: Any, tokens: list[tuple[int, int, int, bool]]) -> None:
        """Run tokens through the model: each with its position, its sequence and whether its logits are needed."""
        for start in range(0, len(tokens), BATCH):
            part = tokens[start : start + BATCH]
            batch.n_tokens = len(part)
            for i, (token, position, sequence, wanted) in enumerate(part):
                batch.token[i] = token
                batch.pos[i] = position
                batch.n_seq_id[i] = 1
                batch.seq_id[i][0] = sequence
                batch.logits[i] = wanted
            if code := llama_cpp.llama_decode(context, batch):
                raise RuntimeError(f"llama_decode returned {code}")
        llama_cpp.llama_synchronize(context)


def _common(prompts: Sequence[Sequence[int]]) -> int:
    shortest = min(len(prompt) for prompt in prompts) - 1
    return next((i for i in range(shortest) if len({prompt[i] for prompt in prompts}) > 1), shortest)


async def batched_bench(
    program: Path,
    model: Path,
    shape: tuple[int, int, int, int],
    threads: int,
    gpu_layers: int = 0,
    *,
    special: bool = True,
) -> float:
    """Return tokens per second of llama.cpp's own program for answers of ``shape``.

    The shape is in tokens: shared prompt, each own prompt, each answer; and the number of chats. The program reads
    either one prompt for all or a whole one for each, so its speeds of reading and writing are combined here.
    Raises `RuntimeError` if it fails.
    """
    shared, own, new, chats = shape
    size = -(-((shared + own) * chats + new * chats + chats) // 256) * 256
    command = [
        str(program), "-m", str(model), "-c", str(size), "-b", str(BATCH), "-ub", "512", "-npp", str(shared + own),
        "-ntg", str(new), "-npl", str(chats), "-t", str(threads), "-tb", str(threads), "-ngl", str(gpu_layers),
        "-fa", "on", "--output-format", "jsonl", *(("-pps", "-kvu") if shared else ()),
        *(() if special else ("--no-repack",)),
    ]  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    output, _ = await process.communicate()
    lines = [line for line in output.decode().splitlines() if line.startswith("{")]
    if process.returncode or not lines:
        raise RuntimeError(f"{program.name} ended with {process.returncode}")
    speeds: dict[str, float] = json.loads(lines[-1])
    reading = (shared + own * chats) / speeds["speed_pp"]
    writing = new * chats / speeds["speed_tg"]
    return new * chats / (reading + writing)
