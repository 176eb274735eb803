"""The tiny SDXL as a single file, with the names and layouts that checkpoints of Stable Diffusion XL have."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from safetensors.torch import save_file

Named = Iterator[tuple[str, torch.Tensor]]
_RESNET = {
    "norm1": "in_layers.0", "conv1": "in_layers.2", "norm2": "out_layers.0", "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection",
}  # fmt: skip
_PART = re.compile(r"(down|up|mid)_blocks?\.(?:(\d+)\.)?(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.*)")
_UNET = {
    "time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2", "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0", "conv_out": "out.2", "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
}  # fmt: skip
_VAE = {
    "conv_norm_out": "norm_out", "conv_shortcut": "nin_shortcut", "group_norm": "norm", "to_q": "q", "to_k": "k",
    "to_v": "v", "to_out.0": "proj_out", "mid_block.attentions.0": "mid.attn_1", "mid_block.resnets.0": "mid.block_1",
    "mid_block.resnets.1": "mid.block_2",
}  # fmt: skip
_TOWER = {
    "encoder.layers.": "transformer.resblocks.", "layer_norm1": "ln_1", "layer_norm2": "ln_2", ".fc1.": ".c_fc.",
    ".fc2.": ".c_proj.", "mlp.": "mlp.", "self_attn": "attn", "final_layer_norm": "ln_final",
    "embeddings.position_embedding.weight": "positional_embedding", "embeddings.token_embedding": "token_embedding",
}  # fmt: skip


def single_file(model: Path, path: Path) -> Path:
    """Write the tiny ``model`` to the file ``path`` and return that."""
    pipeline: Any = StableDiffusionXLPipeline.from_pretrained(str(model), local_files_only=True)
    tensors: dict[str, torch.Tensor] = {}
    tensors.update((f"model.diffusion_model.{name}", value) for name, value in _unet(pipeline.unet))
    tensors.update((f"first_stage_model.{name}", value) for name, value in _vae(pipeline.vae))
    for name, value in pipeline.text_encoder.state_dict().items():
        tensors[f"conditioner.embedders.0.transformer.text_model.{name.removeprefix('text_model.')}"] = value
    tensors.update((f"conditioner.embedders.1.model.{name}", value) for name, value in _tower(pipeline.text_encoder_2))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)
    return path


def _unet(unet: Any) -> Named:
    layers = int(unet.config.layers_per_block)
    for name, value in unet.state_dict().items():
        if (known := re.match(r"(.+)\.(weight|bias)$", name)) and known[1] in _UNET:
            yield f"{_UNET[known[1]]}.{known[2]}", value
            continue
        found = _PART.match(name)
        assert found is not None, name
        where, block, kind, number, rest = found[1], int(found[2] or 0), found[3], int(found[4]), found[5]
        rest = _replaced(rest, _RESNET) if kind == "resnets" else rest
        if where == "mid":
            yield f"middle_block.{2 * number if kind == 'resnets' else 1}.{rest}", value
        elif kind == "downsamplers":
            yield f"input_blocks.{(block + 1) * (layers + 1)}.0.op.{rest.removeprefix('conv.')}", value
        elif where == "down":
            yield f"input_blocks.{1 + block * (layers + 1) + number}.{int(kind == 'attentions')}.{rest}", value
        elif kind == "upsamplers":
            crossed = 1 + hasattr(unet.up_blocks[block], "attentions")
            yield f"output_blocks.{block * (layers + 1) + layers}.{crossed}.{rest}", value
        else:
            yield f"output_blocks.{block * (layers + 1) + number}.{int(kind == 'attentions')}.{rest}", value


def _vae(vae: Any) -> Named:
    blocks = len(vae.config.down_block_types)
    for name, value in vae.state_dict().items():
        renamed = _replaced(name, _VAE)
        renamed = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", renamed)
        renamed = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", renamed)
        renamed = re.sub(
            r"up_blocks\.(\d+)\.(resnets|upsamplers\.0)",
            lambda found: f"up.{blocks - 1 - int(found[1])}.{'block' if found[2] == 'resnets' else 'upsample'}",
            renamed,
        )
        attention = ".attn_1." in renamed and value.ndim == 2
        yield renamed, value[:, :, None, None] if attention else value


def _tower(tower: Any) -> Named:
    state = {name.removeprefix("text_model."): value for name, value in tower.state_dict().items()}
    for name, value in state.items():
        if name == "text_projection.weight":
            yield "text_projection", value.T
        elif (found := re.match(r"(.*\.self_attn)\.q_proj\.(weight|bias)$", name)) is not None:
            joined = torch.cat([state[f"{found[1]}.{letter}_proj.{found[2]}"] for letter in "qkv"])
            yield f"{_replaced(found[1], _TOWER)}.in_proj_{found[2]}", joined
        elif not re.search(r"\.[kv]_proj\.|position_ids", name):
            yield _replaced(name, _TOWER), value


def _replaced(name: str, table: Mapping[str, str]) -> str:
    for old, new in table.items():
        name = name.replace(old, new)
    return name
