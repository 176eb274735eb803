"""Examiners: what each function that people read has examined before they do, by `workers.craft`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from workers.craft.choices import ChoiceFacts, ExaminedChoice, examine_choices
from workers.craft.findings import CraftExamination
from workers.craft.loops import stuck
from workers.craft.pages import PageFacts, examine_page, shown_page
from workers.craft.replies import ReplyFacts, examine_reply, shown_reply
from workers.craft.settings import CraftSettings

O = TypeVar("O", bound=BaseModel)  # noqa: E741
F = TypeVar("F", PageFacts, ReplyFacts)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer was asked for with: thresholds, the prompt's own words, whether the prompt is somebody's own."""

    settings: CraftSettings
    instructions: str = ""
    own_prompt: bool = False


class Examiner(Protocol[O]):
    """Examines one function's outputs for one run."""

    def examine(self, output: O) -> CraftExamination[O]:
        """Return the output as it may be shown, and what it fails."""
        ...

    def shown(self, prose: str) -> str:
        """Return what may be shown of an answer that is being written."""
        ...

    def stuck(self, text: str) -> bool:
        """Return whether a model will write nothing new any more."""
        ...


class _TextExaminer(Generic[O, F]):
    """Examines outputs whose prose is in a field ``text``."""

    def __init__(
        self,
        facts: F,
        settings: CraftSettings,
        examine: Callable[[str, F, CraftSettings], CraftExamination[str]],
        shown: Callable[[str, F, CraftSettings], str],
    ) -> None:
        self._facts, self._settings, self._examine, self._shown = facts, settings, examine, shown

    def examine(self, output: O) -> CraftExamination[O]:
        text: str = output.text  # pyright: ignore[reportAttributeAccessIssue]
        found = self._examine(text, self._facts, self._settings)
        mended = output if found.output == text else output.model_copy(update={"text": found.output})
        return CraftExamination(mended, found.findings, found.failed, found.empty)

    def shown(self, prose: str) -> str:
        return self._shown(prose, self._facts, self._settings)

    def stuck(self, text: str) -> bool:
        return stuck(text)


def of_pages(facts: PageFacts, settings: CraftSettings) -> Examiner[Any]:
    """Return the examiner of an output whose ``text`` is a page."""
    return _TextExaminer(facts, settings, examine_page, shown_page)


def of_replies(facts: ReplyFacts, settings: CraftSettings) -> Examiner[Any]:
    """Return the examiner of an output whose ``text`` is a reply."""
    return _TextExaminer(facts, settings, examine_reply, shown_reply)


class ChoicesExaminer:
    """Examines an output whose ``choices`` have a ``text`` and a ``kind``."""

    def __init__(self, facts: ChoiceFacts, settings: CraftSettings) -> None:
        """``facts`` are of the page and the prompt."""
        self._facts, self._settings = facts, settings

    def examine(self, output: Any) -> CraftExamination[Any]:
        """Return the output with the choices that may be offered."""
        offers = [ExaminedChoice(each.text, each.kind, place) for place, each in enumerate(output.choices)]
        found = examine_choices(offers, self._facts, self._settings)
        kept = [output.choices[offer.place].model_copy(update={"text": offer.text}) for offer in found.output]
        return CraftExamination(output.model_copy(update={"choices": kept}), found.findings, found.failed, found.empty)

    def shown(self, prose: str) -> str:
        """Return it: nothing of choices is shown before they are complete."""
        return prose

    def stuck(self, text: str) -> bool:
        """Return whether a model only offers the same again."""
        return stuck(text)
