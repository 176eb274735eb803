"""The agents that write, and how each of them samples: what bot and workers both know of AI functions.

An AI function belongs to an agent. How it samples is chosen for the function or for the agent: by the account
(`db.sampling`), else by the operator (`FunctionSettings`), else by the product (this file).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from pydantic import Field, create_model
from pydantic_settings import BaseSettings, SettingsConfigDict

MIN_TOKENS: Final = 16
MAX_TOKENS: Final = 8192
"""Bounds of an answer's length, in tokens."""
MAX_TEMPERATURE: Final = 2.0
MODEL_LENGTH: Final = 120
"""Maximum length of a model's name, in characters."""


@dataclass(frozen=True, slots=True)
class SamplingChoice:
    """How to sample; None leaves a value to the next one who has a say. ``model`` is the name of a text model.

    An account chooses the first four.
    """

    temperature: float | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    model: str | None = None
    min_p: float | None = None
    dry: float | None = None
    xtc: float | None = None
    dynamic: float | None = None
    repeat_penalty: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it chooses nothing."""
        return self == SamplingChoice()


KNOBS: Final[tuple[str, ...]] = tuple(field.name for field in fields(SamplingChoice))


@dataclass(frozen=True, slots=True)
class FunctionDefaults:
    """The agent to which a function of the product belongs, and where it differs from that agent."""

    agent: str
    choice: SamplingChoice = SamplingChoice()


AGENTS: Final[Mapping[str, SamplingChoice]] = {
    "writer": SamplingChoice(0.8, 2000, 0.95),
    "editor": SamplingChoice(0.6, 800, 0.95),
    "character": SamplingChoice(0.8, 800, 0.95),
    "persona": SamplingChoice(0.9, 500, 0.95),
    "assistant": SamplingChoice(0.6, 800, 0.95),
    "rater": SamplingChoice(0.7, 600, 0.95),
    "illustrator": SamplingChoice(0.7, 500, 0.95),
    "archivist": SamplingChoice(0.3, 600, 0.9),
}
"""Who writes pages, revises them, speaks as a character, a persona or nobody, judges, describes pictures, remembers."""
FUNCTIONS: Final[Mapping[str, FunctionDefaults]] = {
    "write_page": FunctionDefaults("writer"),
    "suggest_choices": FunctionDefaults("writer", SamplingChoice(0.7, 300)),
    "answer_as_persona": FunctionDefaults("persona"),
    "answer_question": FunctionDefaults("assistant"),
    "suggest_line": FunctionDefaults("persona", SamplingChoice(0.9, 120)),
    "extract_scenes": FunctionDefaults("illustrator", SamplingChoice(0.5)),
    "write_image_prompt": FunctionDefaults("illustrator"),
    "describe_picture": FunctionDefaults("archivist", SamplingChoice(0.2, 220)),
    "summarise_dialogue": FunctionDefaults("archivist", SamplingChoice(0.3, 220)),
    "summarise_narration": FunctionDefaults("archivist", SamplingChoice(0.4, 220)),
    "summarise_sheet": FunctionDefaults("archivist", SamplingChoice(0.2, 220)),
    "summarise_plot": FunctionDefaults("archivist", SamplingChoice(0.3, 220)),
    "extract_facts": FunctionDefaults("archivist", SamplingChoice(0.1, 700)),
    "extract_plot": FunctionDefaults("archivist", SamplingChoice(0.2, 900)),
    "answer_tracked": FunctionDefaults("archivist", SamplingChoice(0.1, 80)),
    "generate_persona": FunctionDefaults("writer", SamplingChoice(0.9, 900)),
    "rewrite_persona": FunctionDefaults("writer", SamplingChoice(0.8, 900)),
}
"""The product's AI functions. A package's function names its agent itself."""

BY_SIZE: Final[Mapping[str, Mapping[str, SamplingChoice]]] = {
    "small": {
        "write_page": SamplingChoice(0.7, 240, min_p=0.08, dry=0.8, repeat_penalty=1.1),
        "suggest_choices": SamplingChoice(0.7, 90, min_p=0.08, dry=0.8, repeat_penalty=1.1),
        "write_image_prompt": SamplingChoice(0.6, 120, min_p=0.08, dry=0.8, repeat_penalty=1.1),
        "answer_as_persona": SamplingChoice(0.7, 100, min_p=0.08, dry=0.8, repeat_penalty=1.1),
        "suggest_line": SamplingChoice(0.7, 60, min_p=0.08, dry=0.8, repeat_penalty=1.1),
        **{
            f"summarise_{name}": SamplingChoice(0.3, 140, min_p=0.08, dry=0.8, repeat_penalty=1.05)
            for name in ("dialogue", "narration", "sheet", "plot")
        },
        "extract_facts": SamplingChoice(0.1, 140, repeat_penalty=1.05),
        "extract_plot": SamplingChoice(0.3, 160, dry=0.8, repeat_penalty=1.05),
        "extract_scenes": SamplingChoice(0.6, 90, min_p=0.08, dry=0.8, repeat_penalty=1.1),
        "generate_persona": SamplingChoice(0.7, 320, min_p=0.08, dry=0.8, repeat_penalty=1.05),
        "rewrite_persona": SamplingChoice(0.7, 260, min_p=0.08, dry=0.8, repeat_penalty=1.05),
    },
}
"""Where functions differ for models of a size: before what is the product's for all, behind what the operator set."""


def merged(choices: Iterable[SamplingChoice]) -> SamplingChoice:
    """Return the first choice of each value."""
    listed = list(choices)
    found = {
        knob: next((value for choice in listed if (value := getattr(choice, knob)) is not None), None) for knob in KNOBS
    }
    return SamplingChoice(**found)


def agent_of(name: str) -> str:
    """Return the agent to which a function belongs; an agent's own name, or "" if it is unknown here."""
    return FUNCTIONS[name].agent if name in FUNCTIONS else name if name in AGENTS else ""


class OperatorSampling(BaseSettings):
    """What the operator has chosen; its fields are made of the names of agents and functions (`FunctionSettings`)."""

    model_config = SettingsConfigDict(
        env_prefix="STORYFORK_FUNCTION_",
        env_file=".env",
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    def of(self, name: str) -> SamplingChoice:
        """Return what the operator, else the product, has chosen for a function or an agent."""
        found = {knob: getattr(self, f"{name}_{knob}", None) for knob in KNOBS}
        return SamplingChoice(**found)

    def set_for(self, name: str) -> SamplingChoice:
        """Return what the operator has set for a function or an agent, without the product's choices."""
        given = {knob: f"{name}_{knob}" for knob in KNOBS}
        return SamplingChoice(**{
            knob: getattr(self, field) for knob, field in given.items() if field in self.model_fields_set
        })  # fmt: skip


def _described() -> Iterator[tuple[str, Any]]:
    types: dict[str, tuple[Any, dict[str, Any]]] = {
        "temperature": (float | None, {"ge": 0, "le": MAX_TEMPERATURE}),
        "max_tokens": (int | None, {"ge": MIN_TOKENS, "le": MAX_TOKENS}),
        "top_p": (float | None, {"gt": 0, "le": 1}),
        "model": (str | None, {"min_length": 1, "max_length": MODEL_LENGTH}),
        "min_p": (float | None, {"ge": 0, "lt": 1}),
        "dry": (float | None, {"ge": 0, "le": 5}),
        "xtc": (float | None, {"ge": 0, "le": 1}),
        "dynamic": (float | None, {"ge": 0, "le": MAX_TEMPERATURE}),
        "repeat_penalty": (float | None, {"ge": 0.5, "le": 2}),
    }
    meanings = {
        "temperature": "How much chance there is in what {who} writes: 0 none, 2 much.",
        "max_tokens": "The longest answer of {who}, in tokens.",
        "top_p": "The share of likely words among which {who} chooses.",
        "model": "The text model for {who}, by the name that `/model` shows.",
        "min_p": "How likely a word of {who} has to be, as a share of the likeliest one.",
        "dry": "How strongly {who} is kept from repeating itself and the prompt (llama.cpp's DRY): 0 not at all.",
        "xtc": "How often {who} passes over the likeliest words (llama.cpp's XTC): a probability.",
        "dynamic": "How far the temperature of {who} moves with the model's certainty (llama.cpp's dynatemp).",
        "repeat_penalty": "By how much a word that {who} wrote before is less likely; 1 is not at all.",
    }
    known = {
        **{name: (f"the agent `{name}`", choice) for name, choice in AGENTS.items()},
        **{name: (f"the function `{name}` (else as `{f.agent}`)", f.choice) for name, f in FUNCTIONS.items()},
    }
    for name, (who, choice) in known.items():
        for knob, (kind, bounds) in types.items():
            described = Field(default=getattr(choice, knob), description=meanings[knob].format(who=who), **bounds)
            yield f"{name}_{knob}", (kind, described)


FunctionSettings: Final[type[OperatorSampling]] = create_model(
    "FunctionSettings", __base__=OperatorSampling, **dict(_described())
)
"""The operator's choices: ``STORYFORK_FUNCTION_<NAME>_<VALUE>`` for each agent and each of the product's functions."""


def product_sampling() -> OperatorSampling:
    """Return the product's own choices, whatever the environment says."""
    return FunctionSettings.model_construct()
