"""The gate between model and reader for one run of a function: what was examined, failed, mended, asked for again."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, TypeVar

from pydantic import BaseModel

from db import usage
from prompts.registry import PromptRegistry
from prompts.safety.passages import texts_of
from prompts.template import PromptTemplate
from workers.craft.findings import CraftExamination, CraftFinding
from workers.craft.settings import CraftSettings
from workers.engines.text.reasoning import strip_reasoning
from workers.functions.base import AiFunction
from workers.functions.examiners import Asked, Examiner
from workers.functions.parsing import ParseFailed

AGAIN: Final = "text/again"
"""The prompt that says what was wrong with an answer, and asks for another."""
UNREADABLE: Final = CraftFinding("unreadable", "it could not be read")
STEP: Final = 40
"""Characters by which an answer grows between two looks at whether it runs in circles: ten tokens."""
INLINE: Final = 2500
"""Characters up to which a text is examined at once, in a few milliseconds; longer ones in a thread."""
Result = Literal["at_once", "mended", "again", "next", "offline"]
"""How a text came to be shown: as first written, mended, by asking once more, by another engine, by the templates."""
_log = logging.getLogger(__name__)
I = TypeVar("I")  # noqa: E741 - inputs and outputs
O = TypeVar("O")  # noqa: E741


class NotGoodEnough(ParseFailed):
    """An answer that people should not read."""

    def __init__(self, findings: Sequence[CraftFinding]) -> None:
        """``findings`` is what it fails after mending."""
        reasons = "; ".join(finding.reason for finding in findings)
        super().__init__(reasons, ", ".join(finding.check for finding in findings))
        self.findings = tuple(findings)


class Crafting:
    """Examines the answers of one run, and writes down in the receipt what was found: names of checks, no texts."""

    def __init__(
        self,
        function: AiFunction[Any, Any],
        inputs: Any,
        settings: CraftSettings,
        prompts: PromptRegistry,
        record: usage.TaskRecord,
    ) -> None:
        """Nothing is examined unless ``settings`` say so and the function has an examiner."""
        self._function, self._inputs, self._settings = function, inputs, settings
        self._prompts, self._record = prompts, record
        self._asked_with: PromptTemplate | None = None
        self._examiner: Examiner[Any] | None = None
        self._answers: list[list[str]] = []
        self._model = ""
        self._looked = 0
        self.attempt: Result = "at_once"
        """How the answer that is examined next was asked for."""

    def asked_with(self, template: PromptTemplate) -> None:
        """Say which prompt the next answer is to: its own words must not come back."""
        if not self._settings.enabled or template is self._asked_with:
            return
        self._asked_with = template
        try:
            self._examiner = self._function.craft(self._inputs, self.asked(template))
        except Exception:  # noqa: BLE001 - a package's examiner may raise anything
            self._defect("has no examiner")

    def asked(self, template: PromptTemplate) -> Asked:
        """Return what answers to a prompt are asked for with, whether or not they will be examined."""
        words = "\n".join((template.words, self._prompts.get(AGAIN).words))
        return Asked(self._settings, words, own_prompt=template.origin != "default")

    @property
    def examines(self) -> bool:
        """Whether this function's answers are examined."""
        return self._examiner is not None

    async def passed(self, output: Any) -> Any:
        """Return an output as people may read it. Raises `NotGoodEnough`."""
        found = await self._examine(output)
        if found is None:
            return output
        self._note([finding.check for finding in found.failed])
        if not found.passed:
            self._record.step("not_good_enough", failed=[finding.check for finding in found.findings])
            raise NotGoodEnough(found.findings)
        if found.mended:
            self._record.step("mended", failed=[finding.check for finding in found.failed])
        self.ended("mended" if found.mended and self.attempt == "at_once" else self.attempt)
        return found.output

    def unreadable(self) -> None:
        """Note an answer that could not be read."""
        if self.examines:
            self._note([UNREADABLE.check])

    async def mended(self, output: Any) -> Any | None:
        """Return an output that a person stopped, without what does not belong there; it may be short.

        None if nothing is left of it.
        """
        found = await self._examine(output)
        if found is None:
            return output
        return None if found.empty else found.output

    async def shown(self, prose: str) -> str:
        """Return what may be shown of an answer that is being written."""
        if self._examiner is None:
            return prose
        try:
            return await _aside(len(prose), self._examiner.shown, prose)
        except Exception:  # noqa: BLE001 - a package's examiner may raise anything
            self._defect("cannot say what may be shown")
            return prose

    def begin(self) -> None:
        """Say that an answer begins."""
        self._looked = 0

    def stuck(self, text: str) -> bool:
        """Return whether an answer that is being written runs in circles. Looks at every tenth token."""
        if self._examiner is None or 0 <= len(text) - self._looked < STEP:
            return False
        self._looked = len(text)
        try:
            found = self._examiner.stuck(strip_reasoning(text))
        except Exception:  # noqa: BLE001 - a package's examiner may raise anything
            self._defect("cannot say whether it is stuck")
            return False
        if found:
            self._record.step("stuck", chars=len(text))
        return found

    def ended(self, result: Result) -> None:
        """Write down how the text that is shown came to be. ``offline`` counts only where a model was asked before."""
        if self._answers:
            self._record.receipt["craft"] = {
                "result": result,
                "attempts": len(self._answers),
                "failed": self._answers,
                "model": self._model,
            }

    async def _examine(self, output: BaseModel) -> CraftExamination[Any] | None:
        if self._examiner is None:
            return None
        try:
            return await _aside(sum(map(len, texts_of(output.model_dump()))), self._examiner.examine, output)
        except Exception:  # noqa: BLE001 - a package's examiner may raise anything
            self._defect("cannot be examined")
            return None

    def _note(self, failed: list[str]) -> None:
        self._model = self._model or self._record.model
        self._answers.append(failed)

    def _defect(self, problem: str) -> None:
        """Log a defect of an examiner: it must not lose an answer."""
        _log.exception("a defect: what %s writes %s", self._function.name, problem)
        self._record.step("craft_defect", problem=problem)


async def _aside(size: int, examine: Callable[[I], O], text: I) -> O:
    """Examine a text of so many characters, a long one beside the event loop."""
    return examine(text) if size <= INLINE else await asyncio.to_thread(examine, text)
