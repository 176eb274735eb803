"""The models: a tiny one for any machine, and one of SDXL's real size, both with random weights generated on demand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from tests.models.tiny_sdxl import build, tiny_sdxl

_DONE: Final = "whole"


def tiny(folder: Path) -> Path:
    """Return the folder of the tiny model."""
    return tiny_sdxl(folder)


def full_size(folder: Path) -> Path:
    """Return the folder of a model with the shapes of SDXL 1.0 (3.5 billion weights in float16, 7 GB), made once.

    The tokenizers are the tiny model's: the words do not matter here.
    """
    path = folder / "full-size-sdxl"
    if (path / _DONE).exists():
        return path
    small = build()
    words = len(small.tokenizer)
    torch.manual_seed(0)
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float16)
    try:
        with torch.device("cuda" if torch.cuda.is_available() else "cpu"):
            pipeline = _pipeline(small, words)
    finally:
        torch.set_default_dtype(default)
    pipeline.save_pretrained(path, safe_serialization=True)
    (path / _DONE).touch()
    return path


def _pipeline(small: Any, words: int) -> Any:
    # The library's own annotations of these arguments are too narrow.
    new_unet, new_vae, new_pipeline = (
        cast("Callable[..., Any]", each) for each in (UNet2DConditionModel, AutoencoderKL, StableDiffusionXLPipeline)
    )
    unet = new_unet(
        sample_size=128, in_channels=4, out_channels=4, layers_per_block=2, block_out_channels=(320, 640, 1280),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 2, 10), attention_head_dim=(5, 10, 20), use_linear_projection=True,
        cross_attention_dim=2048, addition_embed_type="text_time", addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816,
    )  # fmt: skip
    vae = new_vae(
        in_channels=3, out_channels=3, latent_channels=4, sample_size=1024, layers_per_block=2,
        block_out_channels=(128, 256, 512, 512), scaling_factor=0.13025, force_upcast=True,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    return new_pipeline(
        vae=vae,
        text_encoder=CLIPTextModel(_text(words, 768, 12, 12, 768, "quick_gelu")),
        text_encoder_2=CLIPTextModelWithProjection(_text(words, 1280, 32, 20, 1280, "gelu")),
        tokenizer=small.tokenizer,
        tokenizer_2=small.tokenizer_2,
        unet=unet,
        scheduler=small.scheduler,
        force_zeros_for_empty_prompt=True,
        add_watermarker=False,
    )


def _text(words: int, width: int, layers: int, heads: int, projection: int, activation: str) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=49408, hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
        num_attention_heads=heads, max_position_embeddings=77, projection_dim=projection, hidden_act=activation,
        bos_token_id=words - 2, eos_token_id=words - 1, pad_token_id=words - 1,
    )  # fmt: skip
