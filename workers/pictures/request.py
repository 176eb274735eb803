"""Turns what a person or a function asked for into a request for the image engine."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from db.errors import BadInput
from prompts.pictures import PictureSize, negatives, quality, size, style
from prompts.safety.rating import Rating
from workers.cutting import cut_at_word
from workers.engines.image.base import ImageRequest, LoraUse, PromptPart
from workers.pictures.loras import MAX_LORAS, card_lora, check_loras

MAX_PROMPT_CHARS: Final = 4000
MAX_NEGATIVE_CHARS: Final = 2000
MAX_IDENTITY_CHARS: Final = 800
MAX_IDENTITY_NEGATIVE: Final = 500
MAX_SEED: Final = 2**32 - 1
IDENTITY_WEIGHT: Final = 1.1
"""A persona's own words count a little more than the scene, so that the face stays the same."""
_INVISIBLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class VisualIdentity:
    """What makes a character look the same in every picture: fixed words, what must not be seen, a seed and LoRAs."""

    words: str = ""
    seed: int | None = None
    loras: tuple[LoraUse, ...] = ()
    negative: str = ""

    @classmethod
    def of_card(cls, card: Mapping[str, Any]) -> "VisualIdentity":
        """Return the identity of a persona's card: its key ``visual`` (words, negative, seed, loras).

        Without one, the card's appearance is used. Invalid values are left out: cards are untrusted.
        """
        raw = card.get("visual")
        visual = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
        words = clean_text(str(visual.get("words") or card.get("appearance") or ""))
        words = cut_at_word(words, MAX_IDENTITY_CHARS, "")
        unseen = visual.get("negative")
        negative = cut_at_word(clean_text(unseen), MAX_IDENTITY_NEGATIVE, "") if isinstance(unseen, str) else ""
        seed = visual.get("seed")
        given = cast("list[Any]", found) if isinstance(found := visual.get("loras"), list) else []
        loras = tuple(lora for each in given[:MAX_LORAS] if (lora := card_lora(each)) is not None)
        fits = isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed <= MAX_SEED
        return cls(words, seed if fits else None, loras, negative)


@dataclass(frozen=True, slots=True)
class PictureOrder:
    """A request for a picture. ``style``, ``size`` and ``quality`` are keys; unknown ones mean the default.

    ``prompt`` and ``negative`` are plain text: nothing in them is syntax. ``seed`` None: the identity's, else
    ``random_seed``. ``source`` is a cleaned PNG that is redrawn with ``strength``, already as large as the picture
    unless it is cut into tiles.
    ``dimensions`` replaces ``size`` if the picture must be as large as another.
    """

    id: str
    prompt: str
    random_seed: int
    rating: Rating
    style: str = ""
    size: str = ""
    quality: str = ""
    negative: str = ""
    seed: int | None = None
    identity: VisualIdentity = field(default_factory=VisualIdentity)
    loras: tuple[LoraUse, ...] = ()
    source: bytes | None = None
    strength: float = 0.6
    dimensions: tuple[int, int] | None = None
    tenant: str = ""
    priority: int = 0
    deadline_s: float | None = None


def build_request(order: PictureOrder, installed_loras: Collection[str] = ()) -> ImageRequest:
    """Return the engine's request for ``order``. ``installed_loras`` are the names that the operator's folder holds.

    The prompt is, in this order, the identity's words (verbatim), what was asked for, and the style's words; the
    negative prompt the rating's words, the person's, the identity's, the style's and those against poor quality, each
    once.

    Raises:
        BadInput: the prompt is empty or too long, or a LoRA, seed or size does not fit.
    """
    prompt, negative = clean_text(order.prompt), clean_text(order.negative)
    identity = order.identity.words
    if identity and prompt.startswith(identity):
        prompt = prompt[len(identity) :].lstrip(" ,.;")
    if not prompt and not identity:
        raise BadInput("picture.prompt_empty")
    _check_length("picture.prompt_too_long", prompt, MAX_PROMPT_CHARS)
    _check_length("picture.negative_too_long", negative, MAX_NEGATIVE_CHARS)
    negative = join_terms(negative, order.identity.negative)
    look, work = style(order.style), quality(order.quality)
    steps, guidance, scheduler = work.steps, work.guidance, work.scheduler
    # An imported persona may name a LoRA that is not installed: its words must suffice.
    loras = _merged(tuple(lora for lora in order.identity.loras if lora.name in installed_loras), order.loras)
    few = work.few_step
    # A redrawn picture runs only a part of its steps: of a few, none might be left.
    if few is not None and few.lora in installed_loras and order.source is None:
        steps, guidance, scheduler = few.steps, 0.0, few.scheduler
        loras = _merged(loras, (LoraUse(few.lora),))
    check_loras(loras, installed_loras)
    width, height = order.dimensions or _dimensions(size(order.size))
    if width % 8 or height % 8 or not (64 <= width <= 4096 and 64 <= height <= 4096):
        raise BadInput("picture.bad_size", width=width, height=height)
    seed = next(s for s in (order.seed, order.identity.seed, order.random_seed) if s is not None)
    if not 0 <= seed <= MAX_SEED:
        raise BadInput("picture.bad_seed", limit=MAX_SEED)
    parts = (PromptPart(identity, IDENTITY_WEIGHT), PromptPart(prompt), PromptPart(look.words))
    return ImageRequest(
        id=order.id,
        prompt=tuple(part for part in parts if part.text),
        seed=seed,
        negative=(PromptPart(negative_prompt(order.rating, order.style, negative)),),
        width=width,
        height=height,
        steps=steps,
        guidance=guidance,
        guidance_end=work.guidance_end,
        scheduler=scheduler,
        loras=loras,
        source=order.source,
        strength=min(1.0, max(0.05, order.strength)),
        tenant=order.tenant,
        priority=order.priority,
        deadline_s=order.deadline_s,
    )


def negative_prompt(rating: Rating, style_key: str, own: str = "") -> str:
    """Return the whole negative prompt: the rating's words first, so that no limit of an engine can cut them off."""
    found = negatives()
    return join_terms(found.ratings[rating], own, style(style_key).negative, found.quality)


def join_terms(*lists: str) -> str:
    """Return comma-separated lists as one, each term once, in order."""
    terms: dict[str, str] = {}
    for term in _terms(lists):
        terms.setdefault(term.casefold(), term)
    return ", ".join(terms.values())


def clean_text(text: str) -> str:
    """Return text on one line without control, invisible or direction characters and lone surrogates."""
    return " ".join(_INVISIBLE.sub("", text).split())


def _terms(lists: Iterable[str]) -> Iterable[str]:
    return (term for each in lists for part in each.split(",") if (term := " ".join(part.split())))


def _dimensions(chosen: PictureSize) -> tuple[int, int]:
    return chosen.width, chosen.height


def _check_length(key: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise BadInput(key, length=len(text), limit=limit)


def _merged(first: tuple[LoraUse, ...], second: tuple[LoraUse, ...]) -> tuple[LoraUse, ...]:
    """Return both, by name; the person's weight takes precedence."""
    return tuple(({lora.name: lora for lora in first} | {lora.name: lora for lora in second}).values())
