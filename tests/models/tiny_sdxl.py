"""A small but real SDXL with random weights: two text towers, a UNet and an 8-fold VAE, 8 MB on disk.

The widths of the towers and of the projection all differ, so that a mixed-up tensor fails. The same seed gives the
same weights.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

_BOS, _EOS = "<|startoftext|>", "<|endoftext|>"
_WORDS = (
    "a an the of in on with and at by portrait photo painting cat dog girl boy man woman forest city night sky sea red "
    "green blue black white light dark soft sharp detailed high quality low blurry style hair eyes smile castle dragon "
    "robot space star moon sun river mountain flower tree house street old young lighthouse keeper storm"
)


def tiny_sdxl(folder: Path, *, seed: int = 0) -> Path:
    """Write the model into ``folder/tiny-sdxl`` unless it is there already, and return that folder."""
    path = folder / "tiny-sdxl"
    if not (path / "model_index.json").exists():
        build(seed).save_pretrained(path, safe_serialization=True)
    return path


def tiny_lora(folder: Path, name: str, *, model: Path, seed: int = 0) -> Path:
    """Write a LoRA for the tiny ``model``, strong enough to be seen, into ``folder/name.safetensors``. Needs peft."""
    from diffusers.utils.state_dict_utils import convert_state_dict_to_diffusers
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    pipeline: Any = StableDiffusionXLPipeline.from_pretrained(str(model), local_files_only=True)
    torch.manual_seed(seed)
    layers: dict[str, Any] = {}
    for part, targets in (("unet", ["to_q", "to_v", "to_out.0"]), ("text_encoder", ["q_proj", "v_proj"])):
        network = getattr(pipeline, part)
        network.add_adapter(LoraConfig(r=4, lora_alpha=16, target_modules=targets, init_lora_weights=False))
        found: Any = get_peft_model_state_dict(network)
        layers[f"{part}_lora_layers"] = convert_state_dict_to_diffusers(found)
    pipeline.save_lora_weights(folder, **layers, weight_name=f"{name}.safetensors", safe_serialization=True)
    return folder / f"{name}.safetensors"


def build(seed: int = 0) -> Any:
    """Return the model as a diffusers pipeline, float32 on the CPU."""
    torch.manual_seed(seed)
    tokenizer, size = _tokenizer(_EOS)
    second_tokenizer, _ = _tokenizer("!")
    # The library's own annotations of these arguments are too narrow.
    new_unet, new_vae, new_pipeline = (
        cast("Callable[..., Any]", each) for each in (UNet2DConditionModel, AutoencoderKL, StableDiffusionXLPipeline)
    )
    unet = new_unet(
        sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(32, 32, 64),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        transformer_layers_per_block=(1, 1, 2), attention_head_dim=(2, 4, 8), use_linear_projection=True,
        cross_attention_dim=32 + 64, addition_embed_type="text_time", addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 48, norm_num_groups=8,
    )  # fmt: skip
    vae = new_vae(
        in_channels=3, out_channels=3, latent_channels=4, sample_size=64, norm_num_groups=8, layers_per_block=1,
        block_out_channels=(16, 16, 32, 32), scaling_factor=0.13025, down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", num_train_timesteps=1000, steps_offset=1,
        timestep_spacing="leading",
    )  # fmt: skip
    return new_pipeline(
        vae=vae.eval(),
        text_encoder=CLIPTextModel(_text_config(size, 32, 32, "quick_gelu")).eval(),
        text_encoder_2=CLIPTextModelWithProjection(_text_config(size, 64, 48, "gelu")).eval(),
        tokenizer=tokenizer,
        tokenizer_2=second_tokenizer,
        unet=unet.eval(),
        scheduler=scheduler,
        force_zeros_for_empty_prompt=True,
        add_watermarker=False,
    )


def _text_config(vocabulary: int, hidden: int, projection: int, activation: str) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=vocabulary, hidden_size=hidden, intermediate_size=hidden * 2, num_hidden_layers=3,
        num_attention_heads=4, max_position_embeddings=77, projection_dim=projection, hidden_act=activation,
        bos_token_id=vocabulary - 2, eos_token_id=vocabulary - 1, pad_token_id=vocabulary - 1,
    )  # fmt: skip


def _tokenizer(pad: str) -> tuple[CLIPTokenizer, int]:
    vocabulary, merges = _vocabulary()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
        lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges), ""]
        (place / "merges.txt").write_text("\n".join(lines), "utf-8")
        config = {
            "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "pad_token": pad, "bos_token": _BOS,
            "eos_token": _EOS, "unk_token": _EOS,
        }  # fmt: skip
        (place / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
        return CLIPTokenizer.from_pretrained(folder), len(vocabulary)


def _vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return CLIP's layout: bytes, bytes at the end of a word, merges, begin, end. Every known word is one token."""
    # The second tokenizer of SDXL pads with "!", which has the id 0.
    alphabet = ["!", *sorted(set(ByteLevel.alphabet()) - {"!"})]
    tokens = alphabet + [character + "</w>" for character in alphabet]
    merges: list[tuple[str, str]] = []
    words = [[*word[:-1], word[-1] + "</w>"] for word in dict.fromkeys(_WORDS.split())]
    while pairs := Counter(pair for word in words for pair in pairwise(word)):
        left, right = max(pairs.items(), key=lambda item: (item[1], item[0]))[0]
        merges.append((left, right))
        tokens.append(left + right)
        for word in words:
            i = 0
            while i < len(word) - 1:
                if (word[i], word[i + 1]) == (left, right):
                    word[i : i + 2] = [left + right]
                i += 1
    return {token: i for i, token in enumerate([*tokens, _BOS, _EOS])}, merges
