"""The classifier for sexual content: a tiny one with a known answer, made on the spot."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.models.tiny_picture_classifier import CHANCES, a_classifier
from workers.engines.image.failures import Unloadable


def import_libraries() -> None:
    global torch, ViTForImageClassification, Classifier, CPU
    import torch
    from transformers import ViTForImageClassification

    from workers.engines.image.classifier.server.model import Classifier

    CPU = torch.device("cpu")


def noise(seed: int = 0, height: int = 48, width: int = 80) -> Any:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


def test_the_chances_of_all_sexual_labels_count(tmp_path: Path) -> None:
    classifier = Classifier(a_classifier(tmp_path / "classifier"), CPU)
    assert math.isclose(classifier.unsafe(noise()), 0.2 + 0.05 + 0.35, abs_tol=1e-6)


def test_the_picture_is_looked_at(tmp_path: Path) -> None:
    folder = a_classifier(tmp_path / "classifier", ("normal", "nsfw"), blind=False)
    classifier = Classifier(folder, CPU)
    black, white = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)
    found = [classifier.unsafe(each) for each in (black, white, noise())]
    assert len({round(chance, 6) for chance in found}) == 3
    assert all(0 <= chance <= 1 for chance in found)
    model: Any = ViTForImageClassification.from_pretrained(folder)
    with torch.inference_mode():
        # Black is -1 in every channel by the usual mean and deviation.
        logits = model(pixel_values=torch.full((1, 3, 32, 32), -1.0)).logits
    assert math.isclose(found[0], float(logits.softmax(-1)[0, 1]), abs_tol=1e-5)


def test_sizes_come_in_several_forms(tmp_path: Path) -> None:
    plain = a_classifier(tmp_path / "plain", size=32)
    cropped = a_classifier(tmp_path / "cropped", crop_size={"height": 32, "width": 32}, size={"shortest_edge": 40})
    assert all(Classifier(folder, CPU).unsafe(noise()) > 0.5 for folder in (plain, cropped))


@pytest.mark.parametrize("labels", [("cat", "dog"), ("nsfw", "porn"), ("not_nsfw", "sfw")])
def test_labels_that_do_not_tell(tmp_path: Path, labels: tuple[str, ...]) -> None:
    with pytest.raises(Unloadable, match="unclear"):
        Classifier(a_classifier(tmp_path / "classifier", labels), CPU)


def test_what_is_no_classifier(tmp_path: Path) -> None:
    folder = a_classifier(tmp_path / "classifier")
    (folder / "preprocessor_config.json").write_text("{")
    with pytest.raises(Unloadable, match="cannot be loaded"):
        Classifier(folder, CPU)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(Unloadable, match="cannot be loaded"):
        Classifier(folder, CPU)


def test_labels_may_know_who_is_young(tmp_path: Path) -> None:
    labels = ("neutral", "sexual", "sexual_minors", "child", "not_child")
    unsafe, young = Classifier(a_classifier(tmp_path / "aware", labels), CPU).scores(noise())
    chances = [each / sum(CHANCES[: len(labels)]) for each in CHANCES[: len(labels)]]
    assert math.isclose(unsafe, chances[1] + chances[2], abs_tol=1e-6)
    assert math.isclose(young, chances[2] + chances[3], abs_tol=1e-6)
