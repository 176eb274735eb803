"""LoRAs of the operator's folder, made on the spot."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.workers.engines.image.asking import same
from tests.workers.engines.image.sdxl.studio import Studio
from workers.engines.image.sdxl.protocol import LoadSdxl, Lora

pytestmark = [
    pytest.mark.skipif(find_spec("peft") is None, reason="not installed: peft (extra: gpu)"),
    # diffusers hands tensors to NumPy, which warns of their old protocol.
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    # Several LoRAs at a time are what is wanted.
    pytest.mark.filterwarnings("ignore:Already found a `peft_config`:UserWarning"),
]

STRONG = (Lora(name="ink.v2"),)


@pytest.fixture
def studio(model_folder: Path, lora_folder: Path) -> Studio:
    return Studio(LoadSdxl(path=str(model_folder), device="cpu", batch=4, loras=str(lora_folder)))


def test_a_lora_changes_the_picture_and_leaves_nothing_behind(studio: Studio, model_folder: Path) -> None:
    plain = Studio(LoadSdxl(path=str(model_folder), device="cpu", batch=4))
    for one in (studio, plain):
        one.add(1, seed=5)
    before = studio.draw()[1]
    assert same(before, plain.draw()[1])
    for number, loras in ((2, STRONG), (3, (Lora(name="oil"),)), (4, (*STRONG, Lora(name="oil")))):
        studio.add(number, seed=5, loras=loras)
    studio.add(5, seed=5, loras=(Lora(name="ink.v2", weight=0.3),))
    studio.add(6, seed=5)
    studio.draw()
    studio.add(7, seed=5, loras=STRONG)
    found = studio.draw()
    assert same(found[6], before)
    assert same(found[7], found[2])
    distances = {number: float(np.abs(found[number] - before).mean()) for number in (2, 3, 4, 5)}
    assert all(distance > 1 / 255 for distance in (distances[2], distances[3], distances[4]))
    assert 0 < distances[5] < distances[2]
    assert not same(found[2], found[3])


def test_only_pictures_with_the_same_loras_share_steps(studio: Studio) -> None:
    studio.add(1, loras=STRONG)
    studio.add(2)
    studio.add(3, loras=STRONG)
    sizes: list[int] = []
    unet = studio.model.pipeline.unet
    unet.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    together = dict(studio.draw())
    # Each row is there with its prompt and with its negative one.
    assert sizes == [4] * 4 + [2] * 4
    studio.add(4, seed=3, loras=STRONG)
    assert same(studio.draw()[4], together[3])


@pytest.mark.parametrize("name", ["nothing", "../outside", "", ".", "ink.v2.safetensors"])
def test_an_unknown_one_is_refused_and_named(studio: Studio, name: str) -> None:
    studio.add(1, loras=(Lora(name=name),))
    assert [(event.reason, event.message) for event in studio.failures()] == [
        ("refused", f"there is no LoRA {name!r}"),
    ]


@pytest.mark.parametrize(
    ("loras", "says"),
    [
        ((Lora(name="ink.v2", weight=2.1),), "2.1 of the LoRA is not between"),
        (STRONG * 5, "5 LoRAs, 4 are possible"),
        ((*STRONG, Lora(name="ink.v2", weight=0.5)), "more than once"),
    ],
)
def test_what_cannot_be_is_refused(studio: Studio, loras: tuple[Lora, ...], says: str) -> None:
    studio.add(1, loras=loras)
    assert says in studio.failures()[0].message


def test_a_file_that_is_none_costs_only_its_own_picture(studio: Studio) -> None:
    studio.add(1, loras=(Lora(name="broken"),))
    studio.add(2)
    studio.add(3, loras=STRONG)
    assert set(studio.draw()) == {2, 3}
    assert [event.message for event in studio.failures()] == ["the LoRA 'broken' does not fit this model"]
