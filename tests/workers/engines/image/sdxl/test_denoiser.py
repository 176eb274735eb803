"""The denoising loop: one picture as diffusers draws it, and the same picture in whatever company."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from tests.effort import times
from tests.workers.engines.image.asking import png
from workers.engines.image.sdxl.protocol import Draw, Part
from workers.engines.image.sdxl.server.failures import Refused

# diffusers hands tensors to NumPy, which warns of their old protocol.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
TOLERANCE = 1e-4
Begin: TypeAlias = "Callable[[Draw], Row]"


def import_libraries() -> None:
    global torch, StableDiffusionXLImg2ImgPipeline, Conditioner, Denoiser, Row, decode, NAMES, make_scheduler, Vae
    import torch
    from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl_img2img import (
        StableDiffusionXLImg2ImgPipeline,
    )

    from workers.engines.image.sdxl.server.conditioning import Conditioner
    from workers.engines.image.sdxl.server.denoiser import Denoiser, Row
    from workers.engines.image.sdxl.server.png import decode
    from workers.engines.image.sdxl.server.schedulers import NAMES, make_scheduler
    from workers.engines.image.sdxl.server.vae import Vae


def a_draw(number: int = 1, text: str = "a red cat", **fields: Any) -> Draw:
    values: dict[str, Any] = {"seed": number, "width": 64, "height": 64, "steps": 4, "guidance": 5.0} | fields
    return Draw(id=number, prompt=(Part(text=text),), negative=(Part(text="blurry"),), **values)


@pytest.fixture
def denoiser(pipeline: Any) -> Denoiser:
    return Denoiser(pipeline.unet, pipeline.scheduler, torch.device("cpu"), torch.float32)


@pytest.fixture
def vae(pipeline: Any) -> Vae:
    return Vae(pipeline.vae, torch.device("cpu"))


@pytest.fixture
def begin(denoiser: Denoiser, pipeline: Any) -> Begin:
    """Begins a row, padded to two chunks."""
    conditioner = Conditioner(pipeline)

    def begin_row(draw: Draw) -> Row:
        negative = None
        if draw.guidance > 1:
            negative = conditioner.encode(conditioner.plan(draw.negative), 2, (), negative=True)
        return denoiser.begin(draw, conditioner.encode(conditioner.plan(draw.prompt), 2, ()), negative)

    return begin_row


def finish(denoiser: Denoiser, *rows: Row) -> list[torch.Tensor]:
    """The latents of rows that are drawn together, each leaving when it is finished."""
    while left := [row for row in rows if not row.finished]:
        denoiser.step(left)
    return [row.latents for row in rows]


def alone(denoiser: Denoiser, begin: Begin, draw: Draw) -> torch.Tensor:
    return finish(denoiser, begin(draw))[0]


def difference(left: torch.Tensor, right: torch.Tensor) -> float:
    return float((left - right).abs().max())


def same_picture(pipeline: Any, left: torch.Tensor, right: torch.Tensor) -> bool:
    """Whether latents give the same picture, values from 0 to 1."""
    first, second = ((pipeline.vae.decode(each / 0.13025).sample / 2 + 0.5).clamp(0, 1) for each in (left, right))
    return difference(first, second) < TOLERANCE


COMPARED = ("", "euler", "euler_a", "dpmpp_2m", "dpmpp_2m_karras", "unipc", "lcm")
"""Schedulers that the pipeline has as well."""
SCHEDULERS = (*COMPARED[1:], "tcd", "lightning")


def test_all_schedulers_are_tried() -> None:
    assert set(SCHEDULERS) == set(NAMES)


@pytest.mark.parametrize(
    ("scheduler", "guidance"),
    [*((each, 6.0) for each in COMPARED), *((each, 0.0) for each in COMPARED[:: times(4, 1)])],
)
def test_one_picture_is_what_the_pipeline_draws(
    denoiser: Denoiser, vae: Vae, pipeline: Any, scheduler: str, guidance: float
) -> None:
    conditioner = Conditioner(pipeline)
    draw = a_draw(3, scheduler=scheduler, guidance=guidance)
    positive = conditioner.encode(conditioner.plan(draw.prompt), 1, ())
    negative = conditioner.encode(conditioner.plan(draw.negative), 1, (), negative=True) if guidance else None
    latents = finish(denoiser, denoiser.begin(draw, positive, negative))
    ours = vae.decode(latents)[0]
    own = pipeline.scheduler
    try:
        pipeline.scheduler = make_scheduler(own, scheduler)
        theirs = pipeline(
            prompt="a red cat", negative_prompt="blurry", width=64, height=64, num_inference_steps=4,
            guidance_scale=guidance, generator=torch.Generator().manual_seed(3), output_type="pt",
        ).images[0]  # fmt: skip
    finally:
        pipeline.scheduler = own
    expected = (theirs * 255).round().permute(1, 2, 0)
    # A value on the border between two bytes may fall to either side.
    assert difference(ours.float(), expected) <= 1
    assert float((ours.float() != expected).float().mean()) < 0.001


@pytest.mark.parametrize("scheduler", ["", *SCHEDULERS])
def test_a_picture_in_a_batch_is_the_picture_alone(
    denoiser: Denoiser, begin: Begin, pipeline: Any, scheduler: str
) -> None:
    draws = [
        a_draw(i, text, scheduler=scheduler, guidance=guidance)
        for i, (text, guidance) in enumerate([("a cat", 5.0), ("a blue dog", 9.0), ("sky", 0.0), ("moon", 3.0)], 1)
    ]
    together = finish(denoiser, *map(begin, draws))
    for draw, drawn in zip(draws, together, strict=True):
        assert same_picture(pipeline, drawn, alone(denoiser, begin, draw))


def test_pictures_of_all_kinds_share_steps(denoiser: Denoiser, begin: Begin, pipeline: Any) -> None:
    draws = [
        a_draw(1, steps=7, scheduler="dpmpp_2m"),
        a_draw(2, steps=3, scheduler="euler_a", guidance=2.0),
        a_draw(3, steps=5, scheduler="unipc", guidance=8.0, guidance_end=0.5),
        a_draw(4, steps=4, scheduler="lightning", guidance=0.0),
    ]
    together = finish(denoiser, *map(begin, draws))
    for draw, drawn in zip(draws, together, strict=True):
        assert same_picture(pipeline, drawn, alone(denoiser, begin, draw))


@pytest.mark.parametrize("scheduler", ["euler_a", "dpmpp_2m", "unipc", "tcd"])
def test_one_that_joins_and_one_that_leaves_change_nothing(
    denoiser: Denoiser, begin: Begin, pipeline: Any, scheduler: str
) -> None:
    first, leaving, joining = (a_draw(i, scheduler=scheduler, steps=6) for i in (1, 2, 3))
    row, left, joined = begin(first), begin(leaving), begin(joining)
    denoiser.step([row, left])
    denoiser.step([row, left, joined])
    latents = finish(denoiser, row, joined)
    assert left.done == 2
    for draw, drawn in zip((first, joining), latents, strict=True):
        assert same_picture(pipeline, drawn, alone(denoiser, begin, draw))


def test_guidance_ends_where_it_should(denoiser: Denoiser, begin: Begin, pipeline: Any) -> None:
    sizes: list[int] = []
    hook = pipeline.unet.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    try:
        finish(denoiser, begin(a_draw(1, guidance_end=0.5)), begin(a_draw(2)))
    finally:
        hook.remove()
    assert sizes == [4, 4, 3, 3]


def test_without_memory_nothing_has_changed(denoiser: Denoiser, begin: Begin, pipeline: Any) -> None:
    def exhausted(*_: object) -> None:
        raise torch.OutOfMemoryError

    row, expected = begin(a_draw(scheduler="dpmpp_2m")), alone(denoiser, begin, a_draw(scheduler="dpmpp_2m"))
    denoiser.step([row])
    hook = pipeline.unet.mid_block.register_forward_pre_hook(exhausted)
    try:
        with pytest.raises(torch.OutOfMemoryError):
            denoiser.step([row])
    finally:
        hook.remove()
    assert same_picture(pipeline, finish(denoiser, row)[0], expected)


@pytest.mark.parametrize("strength", [0.3, 0.75, 1.0])
def test_a_redrawn_picture_is_what_the_pipeline_draws(
    denoiser: Denoiser, vae: Vae, pipeline: Any, strength: float
) -> None:
    conditioner = Conditioner(pipeline)
    source = decode(png(), 64, 64)
    draw = a_draw(5, redraw=True, strength=strength, steps=8)
    row = denoiser.begin(
        draw,
        conditioner.encode(conditioner.plan(draw.prompt), 1, ()),
        conditioner.encode(conditioner.plan(draw.negative), 1, (), negative=True),
        vae.encode(source),
    )
    assert len(row.timesteps) == int(8 * strength)
    ours = vae.decode(finish(denoiser, row))[0]
    redraw: Any = StableDiffusionXLImg2ImgPipeline.from_pipe(pipeline)
    redraw.set_progress_bar_config(disable=True)
    theirs = redraw(
        prompt="a red cat", negative_prompt="blurry", image=source / 2 + 0.5, strength=strength, num_inference_steps=8,
        guidance_scale=5.0, generator=torch.Generator().manual_seed(5), output_type="pt",
    ).images[0]  # fmt: skip
    expected = (theirs * 255).round().permute(1, 2, 0)
    assert difference(ours.float(), expected) <= 1


def test_refusals_say_what_there_is(denoiser: Denoiser, begin: Begin) -> None:
    with pytest.raises(Refused, match="there is no scheduler 'magic'; there are euler"):
        begin(a_draw(scheduler="magic"))
    with pytest.raises(Refused, match="cannot do 140 steps"):
        begin(a_draw(scheduler="lcm", steps=140))
