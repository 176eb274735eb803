"""The workers' plug-ins, built-in and from installed packages. `python -m workers plugins` lists the broken ones."""

from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from db.registry import Problem, Registry, load_plugins
from prompts.registry import GROUP as PROMPTS
from prompts.registry import default_registry
from workers.engine_registries import embedding_engines, image_engines, text_engines
from workers.functions.answer_as_persona import AnswerAsPersona
from workers.functions.answer_question import AnswerQuestion
from workers.functions.base import AiFunction
from workers.functions.describe_picture import DescribePicture
from workers.functions.extract_scenes import ExtractScenes
from workers.functions.memory.answer_tracked import AnswerTracked
from workers.functions.memory.extract_facts import ExtractFacts
from workers.functions.memory.extract_plot import ExtractPlot
from workers.functions.memory.summarise import (
    SummariseDialogue,
    SummariseNarration,
    SummarisePlot,
    SummariseSheet,
)
from workers.functions.persona.generate_persona import GeneratePersona
from workers.functions.persona.rewrite_persona import RewritePersona
from workers.functions.suggest_choices import SuggestChoices
from workers.functions.suggest_line import WriteSuggestedLine
from workers.functions.write_image_prompt import WriteImagePrompt
from workers.functions.write_page import WritePage
from workers.moderation.build import OWN_CLASSIFIERS, ClassifierSpec
from workers.notifiers import LogNotifier, Notifier
from workers.processors import OutputProcessor
from workers.workflows import registry as workflows

NOTIFIERS: Final = "storyfork.notifiers"
FUNCTIONS: Final = "storyfork.functions"
"""Classes of `AiFunction`."""
CLASSIFIERS: Final = "storyfork.text_classifiers"
"""Instances of `ClassifierSpec`."""
PROCESSORS: Final = "storyfork.processors"
"""Instances of `OutputProcessor`."""
OWN_FUNCTIONS: Final[tuple[AiFunction[Any, Any], ...]] = (
    WritePage(),
    SuggestChoices(),
    AnswerAsPersona(),
    AnswerQuestion(),
    WriteSuggestedLine(),
    DescribePicture(),
    ExtractScenes(),
    WriteImagePrompt(),
    SummariseDialogue(),
    SummariseNarration(),
    SummariseSheet(),
    SummarisePlot(),
    ExtractFacts(),
    ExtractPlot(),
    AnswerTracked(),
    GeneratePersona(),
    RewritePersona(),
)


@lru_cache(maxsize=1)
def functions() -> tuple[Registry[AiFunction[Any, Any]], list[Problem]]:
    """Return the AI functions, and the problems of packages' functions."""
    registry = Registry[AiFunction[Any, Any]]("function", attrgetter("name"), OWN_FUNCTIONS)

    def add(loaded: Any, package: str) -> None:
        if not isinstance(loaded, type) or not issubclass(loaded, AiFunction):
            raise TypeError(f"{loaded!r} is not an AiFunction")
        if loaded.prompt not in default_registry().names():
            raise ValueError(f"there is no prompt {loaded.prompt!r}")
        registry.add(loaded(), package)

    return registry, load_plugins(FUNCTIONS, add)


@lru_cache(maxsize=1)
def text_classifiers() -> tuple[Registry[ClassifierSpec], list[Problem]]:
    """Return the text classifiers that can be built, and the problems of packages' classifiers."""
    registry = Registry[ClassifierSpec]("text classifier", attrgetter("name"), OWN_CLASSIFIERS)

    def add(loaded: Any, package: str) -> None:
        if not isinstance(loaded, ClassifierSpec):
            raise TypeError(f"{loaded!r} is not a ClassifierSpec")
        registry.add(loaded, package)

    return registry, load_plugins(CLASSIFIERS, add)


@lru_cache(maxsize=1)
def processors() -> tuple[Registry[OutputProcessor], list[Problem]]:
    """Return the output processors, all from packages, and the problems of broken ones."""
    registry = Registry[OutputProcessor]("processor", attrgetter("name"))

    def add(loaded: Any, package: str) -> None:
        if isinstance(loaded, type) or not isinstance(loaded, OutputProcessor):
            raise TypeError(f"{loaded!r} is not an OutputProcessor")
        registry.add(loaded, package)

    return registry, load_plugins(PROCESSORS, add)


def problems() -> list[Problem]:
    """Load every plug-in of the workers and return the problems."""
    loaded = (functions, processors, text_classifiers, text_engines, image_engines, embedding_engines, notifiers)
    broken = default_registry().problems
    return [
        *(problem for load in loaded for problem in load()[1]),
        *workflows.problems(),
        *(Problem(PROMPTS, each.entry, each.package, each.reason) for each in broken),
    ]


@lru_cache(maxsize=1)
def notifiers() -> tuple[Registry[Notifier], list[Problem]]:
    """Return all notifiers, and the problems of packages' notifiers."""
    registry = Registry[Notifier]("notifier", attrgetter("name"), (LogNotifier(),))

    def add(loaded: Any, package: str) -> None:
        made = loaded() if isinstance(loaded, type) else loaded
        if not isinstance(made, Notifier):
            raise TypeError(f"{loaded!r} is not a Notifier")
        registry.add(made, package)

    return registry, load_plugins(NOTIFIERS, add)
