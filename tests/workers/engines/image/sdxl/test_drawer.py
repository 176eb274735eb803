"""The thread that owns the model, in this process: full memory, cancelled rows, several kinds at a time."""

from __future__ import annotations

import queue
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workers.engines.image.asking import same
from tests.workers.engines.image.sdxl.studio import Studio
from workers.engines.image.sdxl.protocol import Draw, DrawingProgress, Drawn, LoadedSdxl, LoadSdxl
from workers.engines.processes.messages import Beat, Cancel, Failed, LoadFailed, WireMessage

# diffusers hands tensors to NumPy, which warns of their old protocol.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def import_libraries() -> None:
    global torch, under_test
    import torch

    from workers.engines.image.sdxl.server import drawer as under_test


@pytest.fixture
def studio(model_folder: Path) -> Studio:
    return Studio(LoadSdxl(path=str(model_folder), device="cpu", batch=4))


def full_above(rows: int) -> Callable[..., None]:
    """Memory that is enough for so many rows of the UNet."""

    def check(_: object, given: tuple[torch.Tensor, ...]) -> None:
        if len(given[0]) > rows:
            raise torch.OutOfMemoryError

    return check


def test_too_little_memory_for_all_is_enough_for_half(studio: Studio, model_folder: Path) -> None:
    for number in range(1, 5):
        studio.add(number)
    expected = dict(studio.draw())
    small = Studio(LoadSdxl(path=str(model_folder), device="cpu", batch=4))
    small.model.pipeline.unet.register_forward_pre_hook(full_above(4))
    for number in range(1, 5):
        small.add(number)
    found = small.draw()
    assert not small.failures()
    assert all(same(found[number], expected[number]) for number in expected)


def test_too_little_memory_for_one_is_said(studio: Studio) -> None:
    studio.model.pipeline.unet.register_forward_pre_hook(full_above(1))
    studio.add(1)
    studio.add(2, guidance=0.0)
    assert set(studio.draw()) == {2}
    assert [(event.id, event.reason) for event in studio.failures()] == [(1, "overloaded")]
    assert "not enough for 64 × 64" in studio.failures()[0].message


def test_pictures_that_do_not_fit_the_decoder_are_decoded_in_tiles(studio: Studio) -> None:
    # The whole picture's latents never fit; parts of it do.
    def check(_: object, given: tuple[torch.Tensor, ...]) -> None:
        if given[0].shape[-1] > 8:
            raise torch.OutOfMemoryError

    vae = studio.model.pipeline.vae
    vae.decoder.register_forward_pre_hook(check)
    vae.tile_latent_min_size = 8
    studio.add(1, width=128, height=128)
    studio.add(2, width=128, height=128)
    assert {picture.shape for picture in studio.draw().values()} == {(128, 128, 3)}


def test_a_person_is_served_while_the_background_waits(studio: Studio) -> None:
    studio.add(1, priority=10, steps=6)
    studio.inner.step()
    studio.inner.step()
    studio.add(2, width=128)
    found = studio.draw()
    done = [event.id for event in studio.said if isinstance(event, DrawingProgress) and event.phase == "finishing"]
    assert done == [2, 1]
    again = Studio(LoadSdxl(path=studio.model.pipeline.name_or_path, device="cpu"))
    again.add(1, steps=6)
    assert same(again.draw()[1], found[1])


def test_those_who_wait_know_how_many_are_before_them(studio: Studio) -> None:
    studio.add(1)
    for number in (2, 3):
        studio.add(number, width=128)
    studio.inner.step()
    queued = [event for event in studio.said if isinstance(event, DrawingProgress) and event.phase == "queued"]
    assert [(event.id, event.ahead) for event in queued] == [(2, 1), (3, 2)]


def test_a_cancelled_one_is_gone(studio: Studio) -> None:
    studio.add(1)
    studio.add(2)
    studio.inner.step()
    studio.inner.cancel(1)
    studio.inner.cancel(77)
    assert set(studio.draw()) == {2}
    assert [(event.id, event.reason) for event in studio.failures()] == [(1, "cancelled")]


def test_the_thread_answers_from_loading_to_the_picture(model_folder: Path) -> None:
    said: queue.SimpleQueue[WireMessage] = queue.SimpleQueue()
    load = LoadSdxl(path=str(model_folder), device="cpu", batch=3, warm_up=((64, 64),))
    drawer = under_test.Drawer(load, lambda event, _: said.put(event))
    while isinstance(event := said.get(timeout=30), Beat):
        pass
    assert isinstance(event, LoadedSdxl)
    assert (event.model, event.batch) == ("tiny-sdxl", 3)
    drawer.submit(Draw(id=5, prompt=(), seed=1, width=64, height=64, steps=2, guidance=2.0), b"")
    drawer.submit(Draw(id=6, prompt=(), seed=1, width=64, height=64, steps=150, guidance=2.0), b"")
    drawer.cancel(Cancel(id=6))
    answered = {}
    while len(answered) < 2:
        if isinstance(event := said.get(timeout=30), Drawn | Failed):
            answered[event.id] = event
    assert isinstance(answered[5], Drawn)
    assert isinstance(answered[6], Failed)


def refusal(load: LoadSdxl) -> str:
    """Why a model is not loaded."""
    said: queue.SimpleQueue[WireMessage] = queue.SimpleQueue()
    under_test.Drawer(load, lambda event, _: said.put(event))
    while isinstance(event := said.get(timeout=30), Beat):
        pass
    assert isinstance(event, LoadFailed)
    return event.message


def test_a_model_that_is_none(tmp_path: Path) -> None:
    assert "there is no model at" in refusal(LoadSdxl(path=str(tmp_path), device="cpu"))


def test_whoever_wants_a_classifier_gets_no_pictures_without_it(model_folder: Path, tmp_path: Path) -> None:
    load = LoadSdxl(path=str(model_folder), device="cpu", classifier=str(tmp_path / "nothing"))
    assert "the classifier in nothing cannot be loaded" in refusal(load)
