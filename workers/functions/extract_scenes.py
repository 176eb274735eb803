"""Find the moments of a page that are worth a picture."""

from collections.abc import Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel, Field

from prompts.pictures import Mood
from prompts.safety.check import refusal
from prompts.safety.rating import Rating
from workers.engines.text.base import Sampling
from workers.engines.text.template.pictures import mood_of, shorten
from workers.functions.base import AiFunction
from workers.functions.parsing import ParseFailed, parse_json
from workers.functions.write_image_prompt import RATING_WORDS
from workers.pictures.request import clean_text

MOODS: Final[tuple[Mood, ...]] = get_args(Mood)
MOST_SCENES: Final = 3
DESCRIPTION_WORDS: Final = 80
MOST_CHARACTERS: Final = 5
NAME_LENGTH: Final = 60
_LEAST_WORDS: Final = 4


class SceneInputs(BaseModel):
    """A page, and how many moments are wanted at most."""

    page_text: str = Field(min_length=1)
    title: str = ""
    genre: str = ""
    rating: Rating = "sfw"
    count: int = Field(default=1, ge=1, le=MOST_SCENES)
    seed: int = 0


class Scene(BaseModel):
    """A moment: what is seen, who is there (as the page calls them), and its mood."""

    description: str
    characters: list[str] = Field(default_factory=list)
    mood: Mood = "calm"


class Scenes(BaseModel):
    """One to three moments, the best first."""

    scenes: list[Scene]


class _Loose(BaseModel):
    description: str
    characters: list[str] | str | None = None
    mood: str | None = None


class _Answer(BaseModel):
    scenes: list[_Loose]


class ExtractScenes(AiFunction[SceneInputs, Scenes]):
    """Find one to three moments."""

    name = "extract_scenes"
    title = "Find moments for pictures"
    prompt = "picture/extract_scenes"
    inputs = SceneInputs
    sampling = Sampling(max_tokens=500, temperature=0.5, top_p=0.95)
    max_items = MOST_SCENES

    async def prepare(self, inputs: SceneInputs) -> dict[str, Any]:
        """Return the page and what is asked of the moments."""
        return {
            "title": inputs.title,
            "genre": inputs.genre,
            "page_text": inputs.page_text,
            "count": inputs.count,
            "rating": RATING_WORDS[inputs.rating],
            "moods": list(MOODS),
        }

    def facts(self, inputs: SceneInputs) -> Mapping[str, Any]:
        """Return the page."""
        return inputs.model_dump()

    def schema(self, inputs: SceneInputs) -> dict[str, Any]:
        """Return the list's form."""
        return {
            "type": "object",
            "properties": {
                "scenes": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": inputs.count,
                    "items": {
                        "type": "object",
                        "properties": {
                            "description": {"type": "string", "minLength": 20, "maxLength": 500},
                            "characters": {
                                "type": "array",
                                "maxItems": MOST_CHARACTERS,
                                "items": {"type": "string", "maxLength": NAME_LENGTH},
                            },
                            "mood": {"type": "string", "enum": list(MOODS)},
                        },
                        "required": ["description", "characters", "mood"],
                        "additionalProperties": False,
                    },
                }
            },
            "required": ["scenes"],
            "additionalProperties": False,
        }

    def seed(self, inputs: SceneInputs) -> int:
        """Return the page's seed."""
        return inputs.seed % 2**31

    def parse(self, text: str, inputs: SceneInputs) -> Scenes:
        """Read the moments; those that go beyond the rating, are too short or are there twice are dropped."""
        found: dict[str, Scene] = {}
        for each in parse_json(text, _Answer).scenes:
            description = shorten(clean_text(each.description), DESCRIPTION_WORDS)
            if len(description.split()) < _LEAST_WORDS or refusal(inputs.rating, description) is not None:
                continue
            names = [each.characters] if isinstance(each.characters, str) else each.characters or []
            characters = list(dict.fromkeys(name for raw in names if (name := clean_text(raw)[:NAME_LENGTH])))
            named = (each.mood or "").strip().lower()
            mood = named if named in MOODS else mood_of(description)
            scene = Scene(description=description, characters=characters[:MOST_CHARACTERS], mood=mood)
            found.setdefault(description.casefold(), scene)
        if not found:
            raise ParseFailed("There is no moment that can be drawn within the content rating.")
        return Scenes(scenes=list(found.values())[: inputs.count])

    def shrink(self, variables: dict[str, Any]) -> dict[str, Any] | None:
        """Leave out the page's first half: what happens last is what is remembered."""
        page = variables["page_text"]
        return {**variables, "page_text": page[len(page) // 2 :]} if len(page) > 1000 else None

    def preview(self, text: str) -> str:
        """Show nothing: people wait for the picture."""
        del text
        return ""
