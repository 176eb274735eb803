"""From an order to the engine's request."""

from dataclasses import replace

import pytest

from db.errors import BadInput
from prompts.pictures import qualities, sizes, styles
from workers.engines.image.base import LoraUse, PromptPart
from workers.pictures.request import PictureOrder, VisualIdentity, build_request, clean_text, join_terms

ORDER = PictureOrder(id="1", prompt="a fox in the snow", random_seed=7, rating="sfw")
FACE = VisualIdentity("a woman of forty with (grey) eyes:1.5", seed=99, loras=(LoraUse("face", 0.8),))


def test_the_parts_of_a_prompt() -> None:
    request = build_request(replace(ORDER, style="noir", identity=FACE), {"face"})
    assert request.prompt == (
        PromptPart("a woman of forty with (grey) eyes:1.5", 1.1),
        PromptPart("a fox in the snow"),
        PromptPart(styles()["noir"].words),
    )
    assert (request.seed, request.loras) == (99, (LoraUse("face", 0.8),))


def test_the_identity_stands_there_once_and_verbatim() -> None:
    prompt = f"{FACE.words}, reading by a window"
    parts = build_request(replace(ORDER, prompt=prompt, identity=FACE)).prompt
    assert [part.text for part in parts[:2]] == [FACE.words, "reading by a window"]
    again = build_request(replace(ORDER, prompt="on a horse", identity=FACE)).prompt
    assert again[0] == parts[0]


def test_whose_seed_counts() -> None:
    assert build_request(ORDER).seed == 7
    assert build_request(replace(ORDER, identity=FACE)).seed == 99
    assert build_request(replace(ORDER, identity=FACE, seed=0)).seed == 0


def test_negatives_begin_with_the_rating_and_say_nothing_twice() -> None:
    request = build_request(replace(ORDER, negative="hats, Nude, blurry, hats", style="noir"))
    (part,) = request.negative
    terms = part.text.split(", ")
    assert terms[0] == "nude"
    assert "hats" in terms
    assert "watermark" in terms
    assert len({term.casefold() for term in terms}) == len(terms)
    assert "underage" in build_request(replace(ORDER, rating="nsfw")).negative[0].text


@pytest.mark.parametrize("key", list(sizes()))
def test_sizes(key: str) -> None:
    request = build_request(replace(ORDER, size=key))
    assert (request.width, request.height) == (sizes()[key].width, sizes()[key].height)


def test_few_steps_where_the_lora_is_there() -> None:
    draft = qualities()["draft"]
    few = draft.few_step
    assert few is not None
    slow = build_request(replace(ORDER, quality="draft"))
    fast = build_request(replace(ORDER, quality="draft"), {few.lora})
    assert (slow.steps, slow.guidance, slow.loras) == (draft.steps, draft.guidance, ())
    assert (fast.steps, fast.guidance, fast.loras) == (few.steps, 0.0, (LoraUse(few.lora),))
    assert fast.scheduler == few.scheduler
    redrawn = build_request(replace(ORDER, quality="draft", source=b"png", dimensions=(512, 768)), {few.lora})
    assert (redrawn.steps, redrawn.width, redrawn.height, redrawn.source) == (draft.steps, 512, 768, b"png")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"prompt": " \u200b\x00 "}, "picture.prompt_empty"),
        ({"prompt": "x" * 4001}, "picture.prompt_too_long"),
        ({"negative": "x" * 2001}, "picture.negative_too_long"),
        ({"seed": -1}, "picture.bad_seed"),
        ({"seed": 2**32}, "picture.bad_seed"),
        ({"dimensions": (1023, 1024)}, "picture.bad_size"),
        ({"dimensions": (8, 1024)}, "picture.bad_size"),
        ({"loras": (LoraUse("../x"),)}, "picture.unknown_lora"),
        ({"loras": (LoraUse("missing"),)}, "picture.unknown_lora"),
        ({"loras": (LoraUse("face", 9.0),)}, "picture.bad_lora_weight"),
        ({"loras": (LoraUse("face", float("nan")),)}, "picture.bad_lora_weight"),
        ({"loras": tuple(LoraUse(f"face{n}") for n in range(5))}, "picture.too_many_loras"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], key: str) -> None:
    with pytest.raises(BadInput) as refused:
        build_request(replace(ORDER, **change), {"face", *(f"face{n}" for n in range(5))})  # pyright: ignore[reportArgumentType]
    assert refused.value.key == key


def test_cards_from_anywhere() -> None:
    assert VisualIdentity.of_card({"appearance": "tall  and\nthin"}).words == "tall and thin"
    loras = ["face", {"name": "../etc"}, 3, {"name": "b", "weight": 0.5}]
    card = {
        "appearance": "x",
        "visual": {
            "words": "red hair",
            "seed": "7",
            "loras": loras,
        },
    }
    assert VisualIdentity.of_card(card) == VisualIdentity("red hair", None, (LoraUse("face"), LoraUse("b", 0.5)))
    assert VisualIdentity.of_card({"visual": "nonsense"}) == VisualIdentity()
    assert len(VisualIdentity.of_card({"appearance": "word " * 1000}).words) <= 800
    # A LoRA that a card names and nobody installed is left out.
    assert build_request(replace(ORDER, identity=FACE)).loras == ()


def test_small_tools() -> None:
    assert clean_text("a\u202eb\x07 c\n\td\ud800") == "ab c d"
    assert join_terms("a, b ,", "", "B,c  d") == "a, b, c d"


def test_what_a_persona_never_shows_is_in_every_negative_prompt() -> None:
    identity = VisualIdentity.of_card({"visual": {"words": "red hair", "negative": "hats,\x07 beard", "seed": 5}})
    assert identity == VisualIdentity("red hair", 5, negative="hats, beard")
    (negative,) = build_request(replace(ORDER, identity=identity, negative="rain")).negative
    terms = negative.text.split(", ")
    assert terms.index("rain") < terms.index("hats") < terms.index("beard")
    assert VisualIdentity.of_card({"visual": {"negative": 3}}).negative == ""
