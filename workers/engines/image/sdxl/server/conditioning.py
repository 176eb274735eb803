"""Turns a planned prompt into the UNet's conditioning, with compel's text encoding and weighting."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from compel import EmbeddingsProvider, ReturnedEmbeddingsType

from workers.engines.image.sdxl.protocol import Part
from workers.engines.image.sdxl.server.plan import CHUNK, EncodingPlan, Planner

CACHED = 64
"""Prompts whose conditioning is kept. One of three chunks has 0.9 MB in 16 bits."""
_LEAST_WEIGHT = 1e-5


@dataclass(frozen=True, slots=True)
class Conditioning:
    """``embeds`` has the shape (tokens, width of both towers), ``pooled`` the width of the projection."""

    embeds: torch.Tensor
    pooled: torch.Tensor


@dataclass(frozen=True, slots=True)
class PromptPlan:
    """A prompt as each of the two text encoders reads it."""

    parts: tuple[Part, ...]
    plans: tuple[EncodingPlan, EncodingPlan]

    @property
    def chunks(self) -> int:
        """Number of chunks of the longer encoding."""
        return max(len(plan.chunks) for plan in self.plans)

    @property
    def tokens(self) -> int:
        """Number of tokens by the first tokenizer."""
        return self.plans[0].tokens


class _Encoder(EmbeddingsProvider):
    """compel's provider for one text encoder, with all chunks of a prompt in one pass."""

    def __init__(self, tokenizer: Any, text_encoder: Any) -> None:
        super().__init__(
            tokenizer,
            text_encoder,
            truncate=False,
            returned_embeddings_type=ReturnedEmbeddingsType.PENULTIMATE_HIDDEN_STATES_NON_NORMALIZED,
        )
        self.nothing: torch.Tensor | None = None

    def encode(self, plan: EncodingPlan) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return the embeddings (tokens, width), and the pooled one of the first chunk if the encoder has it.

        A weight above 1 scales a token's distance from the empty prompt. A weight below 1 also moves it towards the
        prompt with the part masked, by compel's formula tan((1 - weight) * pi / 2).
        """
        lessened = [i for i, weight in enumerate(plan.weights) if weight < 1]
        masked = [
            (i, k)
            for i in lessened
            for k, chunk in enumerate(plan.chunks)
            if i in chunk.parts
        ]  # fmt: skip
        states, pooled = self._forward(plan, masked)
        count = len(plan.chunks)
        rows = [*range(count), *(k for _, k in masked)]
        weights = [[1.0, *(plan.weights[i] for i in plan.chunks[k].parts)] for k in rows]
        states = self._weighted(states, [row + [1.0] * (CHUNK - len(row)) for row in weights])
        base = states[:count]
        if lessened:
            versions = [base]
            strengths = [1.0]
            for i in lessened:
                version = base.clone()
                for position, (j, k) in enumerate(masked):
                    if i == j:
                        version[k] = states[count + position]
                versions.append(version)
                strengths.append(math.tan((1 - max(plan.weights[i], _LEAST_WEIGHT)) * math.pi / 2))
            stacked = torch.stack(versions).float().reshape(1, len(versions), count * CHUNK, -1)
            base = self.apply_embedding_weights(stacked, strengths, normalize=True)
        return base.reshape(count * CHUNK, -1).to(states.dtype), pooled

    def empty(self) -> torch.Tensor:
        """Return the embeddings (77, width) of the empty prompt."""
        if self.nothing is None:
            self.nothing = self.empty_z[0]
        return self.nothing

    def _forward(
        self, plan: EncodingPlan, masked: Sequence[tuple[int, int]]
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        tokenizer: Any = self.tokenizer
        rows: list[list[int]] = []
        for chunk in plan.chunks:
            row = [tokenizer.bos_token_id, *chunk.ids, tokenizer.eos_token_id]
            rows.append(row + [tokenizer.pad_token_id] * (CHUNK - len(row)))
        ids = torch.tensor(rows + [rows[k] for _, k in masked])
        mask = torch.ones_like(ids)
        for position, (i, k) in enumerate(masked):
            for place, part in enumerate(plan.chunks[k].parts, 1):
                # As in compel: the start and end tokens of a full chunk stay visible.
                if part == i and place != CHUNK - 1:
                    mask[len(rows) + position, place] = 0
        device = self.text_encoder.device
        output = self.text_encoder(
            ids.to(device), mask.to(device) if masked else None, output_hidden_states=True, return_dict=True
        )
        # Only the second encoder has a projection, the one that SDXL uses.
        pooled = output.text_embeds[0] if hasattr(output, "text_embeds") else None
        return output.hidden_states[-2], pooled

    def _weighted(self, states: torch.Tensor, weights: list[list[float]]) -> torch.Tensor:
        if all(weight == 1 for row in weights for weight in row):
            return states
        factors = torch.tensor(weights, dtype=torch.float32, device=states.device).unsqueeze(-1)
        empty = self.empty().float()
        return torch.where(factors == 1, states.float(), empty + (states.float() - empty) * factors).to(states.dtype)


class Conditioner:
    """Plans prompts and turns them into conditioning; caches recent results."""

    def __init__(self, pipeline: Any) -> None:
        """``pipeline`` has SDXL's two tokenizers and text encoders."""
        self._encoders = (
            _Encoder(pipeline.tokenizer, pipeline.text_encoder),
            _Encoder(pipeline.tokenizer_2, pipeline.text_encoder_2),
        )
        first = Planner(pipeline.tokenizer)
        alike = pipeline.tokenizer.get_vocab() == pipeline.tokenizer_2.get_vocab()
        self._planners = (first, first if alike else Planner(pipeline.tokenizer_2))
        self._zeros = bool(pipeline.config.get("force_zeros_for_empty_prompt", False))
        self._cache: OrderedDict[tuple[object, tuple[Part, ...], bool], Conditioning] = OrderedDict()
        self.hits = 0

    def plan(self, parts: tuple[Part, ...]) -> PromptPlan:
        """Cut a prompt into chunks. Raises `Refused`."""
        first = self._planners[0].plan(parts)
        second = first if self._planners[1] is self._planners[0] else self._planners[1].plan(parts)
        return PromptPlan(parts, (first, second))

    @torch.inference_mode()
    def encode(self, plan: PromptPlan, chunks: int, loras: object, *, negative: bool = False) -> Conditioning:
        """Return the conditioning of a prompt, padded to ``chunks``. ``loras`` identifies the LoRAs in the encoders.

        An empty negative prompt is all zeros if the model was trained that way.
        """
        found = self._encode(plan, loras, zeros=negative and self._zeros)
        missing = chunks - len(found.embeds) // CHUNK
        if not missing:
            return found
        empty = torch.cat([encoder.empty() for encoder in self._encoders], dim=-1)
        if negative and self._zeros and not plan.tokens:
            empty = torch.zeros_like(empty)
        return Conditioning(torch.cat([found.embeds, *[empty.to(found.embeds)] * missing]), found.pooled)

    def forget(self) -> None:
        """Clear the cache, because the text encoders have changed."""
        self._cache.clear()
        for encoder in self._encoders:
            encoder.nothing = None
            encoder._empty_z = None  # noqa: SLF001 - compel keeps it without a way to renew it

    def _encode(self, plan: PromptPlan, loras: object, *, zeros: bool) -> Conditioning:
        key = (loras, plan.parts, zeros and not plan.tokens)
        if (known := self._cache.get(key)) is not None:
            self._cache.move_to_end(key)
            self.hits += 1
            return known
        (left, _), (right, pooled) = (
            encoder.encode(one) for encoder, one in zip(self._encoders, plan.plans, strict=True)
        )
        assert pooled is not None, "the second text encoder has no projection"
        length = max(len(left), len(right))
        sides = [self._padded(i, side, length) for i, side in enumerate((left, right))]
        made = Conditioning(torch.cat(sides, dim=-1), pooled)
        if zeros and not plan.tokens:
            made = Conditioning(torch.zeros_like(made.embeds), torch.zeros_like(made.pooled))
        self._cache[key] = made
        while len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return made

    def _padded(self, encoder: int, side: torch.Tensor, length: int) -> torch.Tensor:
        missing = (length - len(side)) // CHUNK
        return torch.cat([side, *[self._encoders[encoder].empty().to(side)] * missing]) if missing else side
