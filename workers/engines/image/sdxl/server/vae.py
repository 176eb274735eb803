"""Pictures to latents and back."""

from collections.abc import Sequence
from typing import Any

import torch

from workers.engines.image.sdxl.server.denoiser import VAE_SCALE, Source
from workers.engines.image.sdxl.server.failures import Overloaded

DECODED_PIXELS = 4 * 1024 * 1024
"""Pixels that are decoded at a time: larger batches are hardly faster, and the VAE takes more memory than the UNet."""


class Vae:
    """The pipeline's VAE in a number format in which it does not overflow. Not thread-safe.

    Latents are decoded together; if memory runs out, one by one, and then in tiles.
    """

    def __init__(self, vae: Any, device: torch.device) -> None:
        self._vae = vae
        self._device = device
        self._pixels = DECODED_PIXELS

    @torch.inference_mode()
    def encode(self, pixels: torch.Tensor) -> Source:
        """Return a function that samples latents of a picture (1, 3, height, width) from -1 to 1."""
        posterior = self._vae.encode(pixels.to(self._device, self._vae.dtype)).latent_dist
        mean, deviation = posterior.mean.float().cpu(), posterior.std.float().cpu()
        config = self._vae.config
        offset, spread = _statistics(config)

        def sample(generator: torch.Generator) -> torch.Tensor:
            drawn = mean + deviation * torch.randn(mean.shape, generator=generator)
            return (drawn - offset) * float(config.scaling_factor) / spread

        return sample

    @torch.inference_mode()
    def decode(self, latents: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """Return pictures of one size (height, width, 3) in bytes, on the device. Raises `Overloaded`."""
        pictures: list[torch.Tensor] = []
        start = 0
        while start < len(latents):
            together = max(1, self._pixels // (latents[0][0, 0].numel() * VAE_SCALE**2))
            some = torch.cat(list(latents[start : start + together]))
            try:
                pictures += self._decode(some).unbind()
            except torch.OutOfMemoryError:
                if len(some) > 1:
                    self._pixels = 1
                elif not self._vae.use_tiling:
                    self._vae.enable_tiling()
                else:
                    raise Overloaded("the memory is not enough to decode the picture") from None
                if self._device.type == "cuda":
                    torch.cuda.empty_cache()
            else:
                start += len(some)
        return pictures

    def _decode(self, latents: torch.Tensor) -> torch.Tensor:
        offset, spread = (value.to(latents.device) for value in _statistics(self._vae.config))
        unscaled = latents * spread / float(self._vae.config.scaling_factor) + offset
        pixels: torch.Tensor = self._vae.decode(unscaled.to(self._vae.dtype), return_dict=False)[0]
        pixels = (pixels.float() / 2 + 0.5).clamp(0, 1)
        return (pixels * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def _statistics(config: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean and deviation of the latents' channels if the model defines them."""
    mean, deviation = getattr(config, "latents_mean", None), getattr(config, "latents_std", None)
    if mean is None or deviation is None:
        return torch.zeros(()), torch.ones(())
    return torch.tensor(mean).view(1, -1, 1, 1), torch.tensor(deviation).view(1, -1, 1, 1)


def choose_vae_dtype(force_upcast: bool, dtype: torch.dtype, device: torch.device) -> torch.dtype:
    """Return the number format for a VAE: that of the model, unless its weights are known to overflow in 16 bits.

    SDXL's original VAE exceeds float16's range; a repaired one does not and has ``force_upcast`` off in its
    configuration. bfloat16 has the range of float32 at the speed of float16.
    """
    if dtype is not torch.float16 or not force_upcast:
        return dtype
    if device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float32
