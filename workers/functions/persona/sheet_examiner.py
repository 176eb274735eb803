"""Has what a model writes about a persona examined before people read it."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from pydantic import BaseModel

from workers.craft.findings import CraftExamination
from workers.craft.loops import stuck
from workers.craft.settings import CraftSettings
from workers.craft.sheets import Fields, SheetFacts, examine_sheet

_FEW: Final = 2
"""Traits and interests of which a sheet has more than one."""


class SheetExaminer:
    """Examines an output whose fields are texts and lists of a few words."""

    def __init__(self, facts: SheetFacts, settings: CraftSettings, spare: Mapping[str, Any] | None = None) -> None:
        """``spare`` is what takes the place of fields that fail."""
        self._facts, self._settings, self._spare = facts, settings, spare or {}

    def examine(self, output: Any) -> CraftExamination[Any]:
        """Return the output without the fields that fail, or with spare ones in their place."""
        fields = fields_of(output)
        found = examine_sheet(fields, self._facts, self._settings)
        if not found.failed:
            return CraftExamination(output)
        kept = {name: value for name, value in found.output.items() if isinstance(value, str) or len(value) >= _FEW}
        spare = {name: self._spare[name] for name in fields if name not in kept and name in self._spare}
        mended = type(output).model_validate({
            name: list(value) if isinstance(value, tuple) else value for name, value in {**spare, **kept}.items()
        })  # fmt: skip
        return CraftExamination(mended, found.findings, found.failed)

    def shown(self, prose: str) -> str:
        """Return nothing: nobody reads a sheet before it is complete."""
        del prose
        return ""

    def stuck(self, text: str) -> bool:
        """Return whether a model will write nothing new any more."""
        return stuck(text)


def fields_of(output: BaseModel, without: Collection[str] = ()) -> Fields:
    """Return the fields of an output that are not empty."""
    given = {name: value for name, value in output.model_dump().items() if value and name not in without}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
