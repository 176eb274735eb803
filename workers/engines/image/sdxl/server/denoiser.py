"""Denoises pictures: each has its own scheduler and generator, and all share one pass through the UNet."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from workers.engines.image.sdxl.protocol import Draw
from workers.engines.image.sdxl.server.conditioning import Conditioning
from workers.engines.image.sdxl.server.failures import Refused
from workers.engines.image.sdxl.server.schedulers import make_scheduler

VAE_SCALE = 8
"""Pixels per latent, in each direction."""
Source = Callable[[torch.Generator], torch.Tensor]
"""Samples the latents (1, 4, height / 8, width / 8) of a picture to redraw."""


@dataclass(slots=True, eq=False)
class Row:
    """One picture in progress. ``latents`` has the shape (1, 4, height / 8, width / 8), in float32."""

    draw: Draw
    positive: Conditioning
    negative: Conditioning | None
    scheduler: Any
    options: Mapping[str, Any]
    timesteps: torch.Tensor
    latents: torch.Tensor
    done: int = 0

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.done >= len(self.timesteps)

    @property
    def guided(self) -> bool:
        """Whether the next step also uses the negative prompt."""
        return self.negative is not None and self.done < self.draw.guidance_end * len(self.timesteps)


class Denoiser:
    """Creates rows and advances them by one step. Not thread-safe.

    The pipeline's own loop is not used: it has one timestep, one guidance scale and one scheduler history for a whole
    batch. Here a picture can join or leave at any step, and end its guidance independently.
    """

    def __init__(self, unet: Any, own_scheduler: Any, device: torch.device, dtype: torch.dtype) -> None:
        self._unet = unet
        self._own_scheduler = own_scheduler
        self._device = device
        self._dtype = dtype
        self._fixed_for: tuple[tuple[int, bool], ...] = ()
        self._fixed: dict[str, Any] = {}

    def begin(
        self, draw: Draw, positive: Conditioning, negative: Conditioning | None, source: Source | None = None
    ) -> Row:
        """Return a new row: noise, or ``source`` with added noise. Raises `Refused`.

        The noise is generated on the CPU, so that a seed gives the same picture on every device.
        """
        scheduler = make_scheduler(self._own_scheduler, draw.scheduler)
        try:
            scheduler.set_timesteps(draw.steps, device="cpu")
        except ValueError as error:
            raise Refused(f"this scheduler cannot do {draw.steps} steps: {error}") from error
        generator = torch.Generator("cpu").manual_seed(draw.seed)
        shape = (1, int(self._unet.config.in_channels), draw.height // VAE_SCALE, draw.width // VAE_SCALE)
        clean = None if source is None else source(generator)
        noise = torch.randn(shape, generator=generator)
        first = 0 if clean is None else redrawn_from(draw)
        timesteps: torch.Tensor = scheduler.timesteps[first:]
        scheduler.set_begin_index(first)
        if clean is None:
            latents = noise * scheduler.init_noise_sigma
        else:
            latents = scheduler.add_noise(clean.float().cpu(), noise, timesteps[:1])
        # Only schedulers that add noise in their steps take a generator.
        drawing = "generator" in inspect.signature(scheduler.step).parameters
        options = {"generator": generator} if drawing else {}
        return Row(draw, positive, negative, scheduler, options, timesteps, latents.to(self._device))

    @torch.inference_mode()
    def step(self, rows: Sequence[Row]) -> None:
        """Advance the rows, all of one size, by one step. After a failure, rows that did not advance can be retried."""
        guided = [row for row in rows if row.guided]
        scaled = {id(row): row.scheduler.scale_model_input(row.latents, row.timesteps[row.done]) for row in rows}
        order = [*rows, *guided]
        times = torch.tensor([float(row.timesteps[row.done]) for row in order])
        noise: torch.Tensor = self._unet(
            torch.cat([scaled[id(row)] for row in order]).to(self._dtype),
            times.to(self._device, non_blocking=True),
            **self._conditions(rows, guided),
            return_dict=False,
        )[0].float()
        against = {id(row): noise[i : i + 1] for i, row in enumerate(guided, len(rows))}
        for i, row in enumerate(rows):
            predicted = noise[i : i + 1]
            if (other := against.get(id(row))) is not None:
                predicted = other + row.draw.guidance * (predicted - other)
            now = row.timesteps[row.done]
            row.latents = row.scheduler.step(predicted, now, row.latents, return_dict=False, **row.options)[0]
            row.done += 1

    def _conditions(self, rows: Sequence[Row], guided: Sequence[Row]) -> dict[str, Any]:
        """Return the inputs that stay constant between steps, for the prompts of all rows, then the negative ones."""
        wanted = (*((row.draw.id, False) for row in rows), *((row.draw.id, True) for row in guided))
        if wanted != self._fixed_for:
            prompts = [row.positive for row in rows]
            prompts += [row.negative for row in guided if row.negative is not None]
            size = (float(rows[0].draw.height), float(rows[0].draw.width))
            # Original size, crop offset and target size, as in training: neither scaled nor cropped.
            times = torch.tensor([[*size, 0.0, 0.0, *size]] * len(prompts))
            self._fixed_for = wanted
            self._fixed = {
                "encoder_hidden_states": torch.stack([prompt.embeds for prompt in prompts]).to(self._dtype),
                "added_cond_kwargs": {
                    "text_embeds": torch.stack([prompt.pooled for prompt in prompts]).to(self._dtype),
                    "time_ids": times.to(self._device, self._dtype),
                },
            }
        return self._fixed


def redrawn_from(draw: Draw) -> int:
    """Return the first step of a redrawn picture."""
    return max(draw.steps - int(draw.steps * draw.strength), 0) if draw.redraw else 0
