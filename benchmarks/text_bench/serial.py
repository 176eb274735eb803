"""The baseline: one ``Llama`` object, one chat after the other."""

import time
from collections.abc import Sequence
from pathlib import Path

import llama_cpp

from benchmarks.text_bench.chats import MIN_P, TEMPERATURE, TOP_K, TOP_P, Answer, Prompt
from benchmarks.text_bench.contender import Room, now


class Serial:
    """Answers in order of arrival. A prefix in common with the previous prompt is not read again."""

    ready = ""

    def __init__(self, model: Path, room: Room) -> None:
        """Load the model."""
        self._llama = llama_cpp.Llama(
            str(model),
            n_ctx=room.context,
            n_threads=room.threads,
            n_threads_batch=room.threads,
            n_gpu_layers=room.gpu_layers,
            flash_attn=True,
            verbose=False,
        )

    def run(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Answer the prompts."""
        begin = now()
        answers: dict[int, Answer] = {}
        for i, prompt in sorted(enumerate(prompts), key=lambda pair: pair[1].at):
            time.sleep(max(0.0, begin + prompt.at - now()))
            answers[i] = self._answer(prompt, begin + prompt.at)
        return [answers[i] for i in range(len(prompts))]

    def _answer(self, prompt: Prompt, arrived: float) -> Answer:
        text: list[str] = []
        times: list[float] = []
        stream = self._llama.create_completion(
            list(prompt.tokens),
            max_tokens=prompt.new,
            temperature=TEMPERATURE,
            top_k=TOP_K,
            top_p=TOP_P,
            min_p=MIN_P,
            seed=prompt.seed,
            stream=True,
        )
        assert not isinstance(stream, dict)
        for chunk in stream:
            if piece := chunk["choices"][0]["text"]:
                text.append(piece)
                times.append(now())
            if len(times) == prompt.cancel_after:
                break
        return Answer("".join(text), arrived, tuple(times))
