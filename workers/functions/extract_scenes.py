"""Find the moments of a page that are worth a picture."""

from collections.abc import Iterable
from typing import Annotated, Any, Final, cast, get_args

from pydantic import BaseModel, Field, model_validator

from prompts.pictures import Mood
from prompts.safety.check import refusal
from prompts.safety.rating import RATING_WORDS, Rating
from workers.context.build import Build
from workers.context.elements import Container, RequestElement
from workers.cutting import cut_at_word, cut_to_words
from workers.engines.text.reasoning import strip_reasoning
from workers.functions.base import AiFunction, Render
from workers.functions.examiners import Asked
from workers.functions.parsing import ParseFailed, parse_json
from workers.functions.schema import answer_schema
from workers.offline.pictures import moments, mood_of
from workers.pictures.request import clean_text

MOODS: Final[tuple[Mood, ...]] = get_args(Mood)
MAX_SCENES: Final = 3
DESCRIPTION_WORDS: Final = 80
MAX_CHARACTERS: Final = 5
NAME_LENGTH: Final = 60
DESCRIPTION_CHARS: Final = 500
_MIN_WORDS: Final = 4


class SceneInputs(BaseModel):
    """A page, and the maximum number of moments."""

    page_text: str = Field(min_length=1)
    title: str = ""
    genre: str = ""
    rating: Rating = "sfw"
    count: int = Field(default=1, ge=1, le=MAX_SCENES)
    seed: int = 0


class Scene(BaseModel):
    """A moment: what is seen, who is there (as the page calls them), and its mood."""

    description: str = Field(max_length=DESCRIPTION_CHARS, json_schema_extra={"minLength": 20})
    characters: list[Annotated[str, Field(max_length=NAME_LENGTH)]] = Field(
        default_factory=list[str], max_length=MAX_CHARACTERS
    )
    mood: Mood = "calm"

    @model_validator(mode="before")
    @classmethod
    def _read_loosely(cls, value: object) -> object:
        """Take one name for a list of one, and decide an unknown mood by the words of the description."""
        if not isinstance(value, dict):
            return value
        given = cast("dict[str, Any]", value)
        names, mood = given.get("characters"), str(given.get("mood") or "").strip().lower()
        return {
            **given,
            "characters": [cut_at_word(names, NAME_LENGTH)] if isinstance(names, str) else names or [],
            "mood": mood if mood in MOODS else mood_of(str(given.get("description") or "")),
        }


class Scenes(BaseModel):
    """One to three moments, the best first."""

    scenes: list[Scene]


class ExtractScenes(AiFunction[SceneInputs, Scenes]):
    """Find one to three moments."""

    name = "extract_scenes"
    prompt = "picture/extract_scenes"
    inputs = SceneInputs
    answer = Scenes
    material = frozenset({"page_text"})
    agent = "illustrator"

    async def prepare(self, inputs: SceneInputs) -> dict[str, Any]:
        """Return the page and the requirements on the moments."""
        return {
            "title": inputs.title,
            "genre": inputs.genre,
            "count": inputs.count,
            "rating": RATING_WORDS[inputs.rating],
            "moods": list(MOODS),
        }

    def context(self, inputs: SceneInputs) -> Container:
        """Return the page."""
        page = RequestElement(id="page", text=inputs.page_text)
        return Container(agent="illustrator", phase="scenes", elements=(page,))

    async def placed(self, variables: dict[str, Any], build: Build, render: Render) -> dict[str, Any]:
        """Add the page."""
        del render
        return {**variables, "page_text": build.request("page")}

    def schema(self, inputs: SceneInputs, *, asked: Asked | None = None) -> dict[str, Any]:
        """Return the schema of the list, with at most ``count`` moments."""
        del asked
        return answer_schema(Scenes, scenes={"minItems": 1, "maxItems": inputs.count})

    def seed(self, inputs: SceneInputs) -> int:
        """Return the page's seed."""
        return inputs.seed % 2**31

    def pattern(self, inputs: SceneInputs, opening: str, *, asked: Asked | None = None) -> str:
        """Return the pattern of one sentence."""
        del inputs, opening, asked
        return r"[^\n:：.!?#*_`|<>\[\]{}\\]{40,280}\."

    async def parse(self, text: str, inputs: SceneInputs) -> Scenes:
        """Read the moments. Those that exceed the rating, are too short or are repeated are dropped.

        A sentence without any JSON is one of them.
        """
        prose = strip_reasoning(text).strip()
        if prose and prose[0].isalpha() and "{" not in prose:
            described = cut_at_word(prose.partition("\n")[0], DESCRIPTION_CHARS)
            return _usable([Scene.model_validate({"description": described})], inputs)
        return _usable((await parse_json(text, Scenes)).scenes, inputs)

    def offline(self, inputs: SceneInputs) -> Scenes:
        """Return the page's most visible sentences."""
        found = moments(inputs.page_text, inputs.count, inputs.rating)
        return _usable(
            [Scene(description=m.description, characters=list(m.characters), mood=m.mood) for m in found], inputs
        )

    def preview(self, text: str) -> str:
        """Show nothing: people wait for the picture."""
        del text
        return ""


def _usable(scenes: Iterable[Scene], inputs: SceneInputs) -> Scenes:
    """Return the moments that can be drawn. Raises `ParseFailed` if none can."""
    found: dict[str, Scene] = {}
    for scene in scenes:
        description = cut_to_words(clean_text(scene.description), DESCRIPTION_WORDS)
        if len(description.split()) < _MIN_WORDS or refusal(inputs.rating, description) is not None:
            continue
        names = list(dict.fromkeys(name for each in scene.characters if (name := clean_text(each))))
        found.setdefault(description.casefold(), Scene(description=description, characters=names, mood=scene.mood))
    if not found:
        raise ParseFailed("There is no moment that can be drawn within the content rating.")
    return Scenes(scenes=list(found.values())[: inputs.count])
