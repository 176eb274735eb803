"""LoRAs as people write them."""

import pytest

from db.errors import BadInput
from prompts.pictures import qualities
from workers.engines.image.base import LoraUse
from workers.pictures.loras import chosen_loras

FAST = next(q.few_step.lora for q in qualities().values() if q.few_step is not None)
INSTALLED = {"ink", "Water Colour", "colour", "old_film", FAST}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("ink", (LoraUse("ink"),)),
        ("INK:0.8, old_film:-1", (LoraUse("ink", 0.8), LoraUse("old_film", -1.0))),
        ("water  colour:1.5 ink", (LoraUse("Water Colour", 1.5), LoraUse("ink"))),
        ("colour water colour", (LoraUse("colour"), LoraUse("Water Colour"))),
        ("ink ink:0,5", (LoraUse("ink", 0.5),)),
        ("ink:", (LoraUse("ink"),)),
    ],
)
def test_names_and_weights_are_read(text: str, expected: tuple[LoraUse, ...]):
    assert chosen_loras(text, INSTALLED) == expected


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("oil", "picture.unknown_lora"),
        ("../ink", "picture.unknown_lora"),
        (":1", "picture.unknown_lora"),
        ("ink:much", "picture.bad_lora_weight"),
        ("ink:nan", "picture.bad_lora_weight"),
        ("ink:-2.1", "picture.bad_lora_weight"),
        (" ".join(sorted(INSTALLED | {"five", "six"})), "picture.too_many_loras"),
    ],
)
def test_what_does_not_fit_is_refused(text: str, key: str):
    with pytest.raises(BadInput) as refused:
        chosen_loras(text, INSTALLED)
    assert refused.value.key == key


def test_the_answer_lists_what_there_is():
    with pytest.raises(BadInput) as refused:
        chosen_loras("oil", INSTALLED)
    assert refused.value.values == {"name": "oil", "names": "colour, ink, old_film, Water Colour"}
    with pytest.raises(BadInput) as refused:
        chosen_loras("oil", {FAST})
    assert refused.value.key == "picture.no_loras"
