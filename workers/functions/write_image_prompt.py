"""Write the prompt for a picture of a scene, or for a persona's portrait."""

import re
from typing import Any, ClassVar, Final, Literal

from pydantic import BaseModel, Field

from db.errors import BadInput
from prompts.pictures import style
from prompts.safety.check import refusal
from prompts.safety.rating import RATING_WORDS, Rating
from workers.context.build import Build
from workers.context.elements import Container, PlotElement, RequestElement
from workers.cutting import cut_at_word, cut_to_words
from workers.engines.text.base import Sampling
from workers.engines.text.reasoning import strip_reasoning
from workers.functions.base import AiFunction, Render
from workers.functions.examiners import Asked
from workers.functions.parsing import ParseFailed, parse_json
from workers.offline.pictures import (
    MAX_WORDS,
    MIN_OWN_WORDS,
    MIN_WORDS,
    WrittenPrompt,
    fill,
    picture_prompt,
)
from workers.pictures.request import VisualIdentity, clean_text, join_terms

SCENE_LIMIT: Final = 4000
"""Maximum length of a scene, in characters."""
CONTEXT_LIMIT: Final = 6000
PROMPT_LIMIT: Final = 1600
NEGATIVE_LIMIT: Final = 300
USABLE_WORDS: Final = 25
"""A prompt with fewer words is not usable; one with more is filled up."""
PHRASES: Final = r"[^\n:#*_`|<>\[\]{}()\\]{160,1200}"
"""What a prompt in plain text consists of."""
NEGATIVE_WORDS: Final = 40
_LABEL: Final = re.compile(
    r"(?im)^[\s*#>-]*(?:(?P<negative>negative(?:\s+prompt)?)|(?:positive\s+|image\s+)?prompt)\s*(?:\*\*)?\s*:\s*(?:\*\*)?\s*"
)
_TAG: Final = re.compile(r"<[^<>]{0,200}>")
_WEIGHT: Final = re.compile(r":\s*[-+]?\d+(?:\.\d+)?(?=\s*[)\]}])|(?<=[)\]}])\s*(?:\d+\.\d+|\++|-+)")
_MARKUP: Final = re.compile(r"[()\[\]{}*_`#|<>\\\"“”«»]+")
_PREAMBLE: Final = re.compile(r"(?i)^(?:sure|certainly|of course|okay|here (?:is|'s|’s))\b[^:\n]{0,120}:\s*")


class ImagePromptInputs(BaseModel):
    """What a picture shows, and how. ``persona`` is a card; its ``visual`` words enter the prompt verbatim."""

    scene: str = ""
    context: str = ""
    persona: dict[str, Any] = Field(default_factory=dict)
    preferences: str = ""
    style: str = ""
    rating: Rating = "sfw"
    portrait: bool = False
    seed: int = 0
    variant: int = 0


class ImagePrompt(BaseModel):
    """A finished prompt of 100 to 200 words: the identity's words come first, the style's are left out.

    ``tokens`` estimates the tokens of SDXL's tokenizers; the engine's own count comes with the picture.
    """

    prompt: str
    negative: str
    source: Literal["ai", "template"]
    style: str
    words: int
    tokens: int


class PromptAnswer(BaseModel):
    """What a model is asked for: a prompt and a negative prompt."""

    prompt: str = Field(max_length=PROMPT_LIMIT, json_schema_extra={"minLength": 200})
    negative: str = Field(default="", max_length=NEGATIVE_LIMIT)


class WriteImagePrompt(AiFunction[ImagePromptInputs, ImagePrompt]):
    """Write a prompt for an image model."""

    name = "write_image_prompt"
    prompt = "picture/write_image_prompt"
    inputs = ImagePromptInputs
    answer = PromptAnswer
    unchecked: ClassVar[dict[str, str]] = {"negative": "names what must not be seen; `refusal` reads it in `parse`"}
    agent = "illustrator"
    sampling = Sampling(repeat_penalty=1.05)

    def validate(self, inputs: ImagePromptInputs) -> None:
        """Refuse scenes that are too long."""
        if len(inputs.scene) > SCENE_LIMIT:
            raise BadInput("picture.prompt_too_long", length=len(inputs.scene), limit=SCENE_LIMIT)

    async def prepare(self, inputs: ImagePromptInputs) -> dict[str, Any]:
        """Return scene, persona and style."""
        chosen, card = style(inputs.style), inputs.persona
        identity = _identity(inputs)
        before = len(identity.split())
        least = max(MIN_WORDS - before, MIN_OWN_WORDS) + 10
        return {
            "name": _plain(card.get("name")),
            "appearance": _plain(card.get("appearance")),
            "personality": _listed(card.get("personality")),
            "interests": _listed(card.get("interests")),
            "preferences": clean_text(inputs.preferences) or _plain(card.get("preferences")),
            "identity": identity,
            "style": chosen.name,
            "style_words": chosen.words,
            "style_advice": chosen.advice,
            "rating": RATING_WORDS[inputs.rating],
            "least_words": least,
            "most_words": max(MAX_WORDS - before - 20, least + 20),
            "portrait": inputs.portrait,
        }

    def context(self, inputs: ImagePromptInputs) -> Container:
        """Return the scene and what surrounds it."""
        around = clean_text(inputs.context)[-CONTEXT_LIMIT:]
        return Container(
            agent="illustrator",
            phase="prompt",
            elements=(RequestElement(id="scene", text=clean_text(inputs.scene)), PlotElement(id="around", text=around)),
        )

    async def placed(self, variables: dict[str, Any], build: Build, render: Render) -> dict[str, Any]:
        """Add scene and surroundings."""
        del render
        return {**variables, "scene": build.request("scene"), "context": "\n\n".join(build.texts("plot"))}

    def pattern(self, inputs: ImagePromptInputs, opening: str, *, asked: Asked | None = None) -> str:
        """Return the pattern of one line of phrases without markup."""
        del inputs, opening, asked
        return PHRASES

    def seed(self, inputs: ImagePromptInputs) -> int:
        """Return a seed for this variant."""
        return (inputs.seed + inputs.variant * 7919) % 2**31

    async def parse(self, text: str, inputs: ImagePromptInputs) -> ImagePrompt:
        """Read, clean and check the prompt; a short one is filled up, a long one is cut.

        Raises `ParseFailed` for an answer that is no prompt or exceeds the rating.
        """
        answer = await _read(text)
        identity, chosen = _identity(inputs), style(inputs.style)
        body = _clean(answer.prompt)
        if identity and body.casefold().startswith(identity.casefold()):
            body = body[len(identity) :].lstrip(" ,.;")
        if len(body.split()) < USABLE_WORDS:
            raise ParseFailed(f"The prompt has {len(body.split())} words, but at least {MIN_WORDS} are wanted.")
        if refusal(inputs.rating, identity, body) is not None:
            raise ParseFailed("The prompt goes beyond its content rating.")
        body = fill(identity, [body], chosen.key, inputs.seed, inputs.variant, body, portrait=inputs.portrait)
        negative = cut_to_words(_clean(answer.negative), NEGATIVE_WORDS).rstrip(".")
        if refusal("nsfw", identity, body, negative=negative) is not None:
            negative = ""
        return _finished(identity, WrittenPrompt(body, join_terms(chosen.negative, negative)), "ai", chosen.key)

    def offline(self, inputs: ImagePromptInputs) -> ImagePrompt:
        """Return what was asked for, furnished with light, composition and the style's phrases."""
        identity = _identity(inputs)
        wanted = inputs.model_dump() | {"identity": identity}
        if inputs.preferences:
            wanted["persona"] = {**inputs.persona, "preferences": inputs.preferences}
        return _finished(identity, picture_prompt(wanted), "template", style(inputs.style).key)

    def preview(self, text: str) -> str:
        """Show nothing: people wait for the picture."""
        del text
        return ""


def estimate_tokens(text: str) -> int:
    """Return about how many tokens SDXL's tokenizers make of ``text``, without the start and end token.

    Their vocabulary holds most English words whole; long and foreign ones are several tokens.
    """
    return sum(
        max(1, (len(part) + 5) // 8) if part.isalpha() else 1 for part in re.findall(r"[^\W\d_]+|\d|[^\w\s]+", text)
    )


def _finished(identity: str, found: WrittenPrompt, source: Literal["ai", "template"], style_key: str) -> ImagePrompt:
    prompt = f"{identity}, {found.prompt}" if identity else found.prompt
    return ImagePrompt(
        prompt=prompt,
        negative=found.negative,
        source=source,
        style=style_key,
        words=len(prompt.split()),
        tokens=estimate_tokens(prompt),
    )


def _identity(inputs: ImagePromptInputs) -> str:
    """Return the words that fix the persona's looks."""
    return VisualIdentity.of_card(inputs.persona).words if inputs.persona else ""


def _plain(value: object) -> str:
    return clean_text(value) if isinstance(value, str) else ""


def _listed(value: object) -> list[str]:
    if isinstance(value, str):
        value = re.split(r"[,;\n]", value)
    return [clean_text(str(each)) for each in value if str(each).strip()] if isinstance(value, list | tuple) else []


async def _read(text: str) -> PromptAnswer:
    """Return the answer from JSON, or from prose with or without labels."""
    try:
        return await parse_json(text, PromptAnswer)
    except ParseFailed:
        prose = strip_reasoning(text).strip("` \n")
        if not prose or prose.startswith(("{", "[", "json")):
            raise
    sections: dict[str, str] = {"prompt": "", "negative": ""}
    at, kind = 0, "prompt"
    for label in _LABEL.finditer(prose):
        # The text before the first label is chatter.
        if at:
            sections[kind] += " " + prose[at : label.start()]
        at, kind = label.end(), "negative" if label["negative"] else "prompt"
    sections[kind] += " " + prose[at:]
    return PromptAnswer(
        prompt=cut_at_word(sections["prompt"], PROMPT_LIMIT), negative=cut_at_word(sections["negative"], NEGATIVE_LIMIT)
    )


def _clean(text: str) -> str:
    """Return a prompt as plain words: no markup, weights, tags or chatter."""
    text = _PREAMBLE.sub("", text.strip())
    text = _TAG.sub(" ", text)
    text = _WEIGHT.sub("", text)
    return re.sub(r"\s+([,.;])", r"\1", clean_text(_MARKUP.sub(" ", text))).strip(" ,;…")
