"""Cards of other programs: jobs that make a persona of one, and that write one."""

from typing import ClassVar, Literal

from db.work import Allowance, JobParameters, Links

CardForm = Literal["png", "json", "v2", "charx"]
"""A PNG with both cards, JSON of V3, JSON of V2, an archive."""


class ImportPersona(JobParameters):
    """Make a persona of the card in the file ``upload``; ``allowance`` is what it may hold."""

    type: ClassVar[str] = "import_persona"
    upload: int
    visibility: Literal["owner", "place"] = "owner"
    allowance: Allowance = "sfw"


class ExportPersona(JobParameters):
    """Write ``persona`` as a card for other programs."""

    type: ClassVar[str] = "export_persona"
    persona: int
    form: CardForm = "png"

    def links(self) -> Links:
        """Return the persona."""
        return Links(persona_id=self.persona)
