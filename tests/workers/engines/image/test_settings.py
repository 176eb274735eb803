"""Settings of the image engines, as an operator writes them."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from workers.engines.image.settings import ImageSettings


def test_what_is_written_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "IMAGE_ENGINES": " OpenAI, sdxl,", "IMAGE_MODEL": "", "IMAGE_LORAS": "/models/loras", "IMAGE_API_KEY": " ",
        "IMAGE_WARM_UP": "1024x1024, 832X1216", "IMAGE_PRICE": "low=0.01, HIGH=0.17,0.05", "IMAGE_BATCH": "4",
    }  # fmt: skip
    for name, value in values.items():
        monkeypatch.setenv(f"STORYFORK_{name}", value)
    settings = ImageSettings()
    assert settings.image_engines == ("openai", "sdxl")
    assert settings.image_model is None
    assert settings.image_api_key is None
    assert settings.image_loras == Path("/models/loras")
    assert settings.image_warm_up == ((1024, 1024), (832, 1216))
    assert settings.image_price == {"low": 0.01, "high": 0.17, "": 0.05}
    assert settings.image_batch == 4


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("IMAGE_PRICE", "-1", "a price is 0 or more"),
        ("IMAGE_PRICE", "low=cheap", "image_price"),
        ("IMAGE_WARM_UP", "1024", "image_warm_up"),
        ("IMAGE_WARM_UP", "1024xwide", "image_warm_up"),
        ("IMAGE_WARM_UP", "1020x30", "image_warm_up"),
        ("IMAGE_BATCH", "65", "image_batch"),
        ("IMAGE_DTYPE", "int8", "image_dtype"),
        ("IMAGE_STALL_S", "0", "image_stall_s"),
    ],
)
def test_what_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    monkeypatch.setenv(f"STORYFORK_{name}", value)
    with pytest.raises(ValidationError, match=says):
        ImageSettings()
