"""Which engines a worker has, what the operator installed for them, and how large and how fast pictures are drawn."""

from pathlib import Path

import pytest

from workers.engines.image.settings import ImageSettings
from workers.pictures.order import ALT_LENGTH, describe
from workers.pictures.studio import build_studio
from workers.steps.picture.draw import within
from workers.steps.picture.requests import Pace


def test_without_any_model_nobody_draws(tmp_path: Path):
    studio = build_studio(ImageSettings(models_dir=tmp_path, image_model=None, image_base_url=None))
    assert studio.engines == ()
    assert studio.stats() == []
    assert not studio.looks()


async def test_a_server_draws_and_what_was_pulled_is_found(tmp_path: Path):
    (tmp_path / "image" / "loras").mkdir(parents=True)
    (tmp_path / "image" / "loras" / "ink.safetensors").write_bytes(b"")
    (tmp_path / "image" / "safety").mkdir()
    (tmp_path / "image" / "safety" / "config.json").write_text("{}")
    studio = build_studio(
        ImageSettings(models_dir=tmp_path, image_base_url="http://localhost:1/v1", image_remote_model="m")
    )
    assert [engine.name for engine in studio.engines] == ["openai"]
    assert studio.loras == {"ink"}
    assert studio.classifier
    # The classifier is the local engine's: nobody looks at what a server draws.
    assert not studio.looks()
    await studio.close()


@pytest.mark.parametrize(
    ("width", "height", "most", "expected"),
    [
        (1024, 1024, 2**20, (1024, 1024)),
        (1216, 832, 2**20, (1216, 832)),
        (1536, 640, 160_000, (616, 256)),
        (1344, 768, 4096, (80, 64)),
    ],
)
def test_sizes_fit_what_the_operator_allows(width: int, height: int, most: int, expected: tuple[int, int]):
    assert within(width, height, most) == expected


def test_the_time_left_is_known_from_the_second_step_on():
    pace = Pace()
    assert pace.left(0, 28) is None
    assert pace.left(1, 28) is None
    left = pace.left(15, 28)
    assert left is not None
    assert 0 <= left < 5


def test_descriptions_are_short_and_end_with_a_word():
    assert describe("a  door\n at night") == "a door at night"
    long = describe("keeper " * 100)
    assert len(long) <= ALT_LENGTH
    assert long.endswith("keeper…")
