"""Cards of other programs: jobs that make a persona of one, and that write one."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from db.errors import NotFound
from db.records import Json, fetch_one
from db.work import Allowance, JobParameters, Links

CardForm = Literal["png", "json", "v2", "charx"]
"""A PNG with both cards, JSON of V3, JSON of V2, an archive."""


@dataclass(frozen=True, slots=True)
class _Whole:
    account_id: int | None
    card: Json[dict[str, Any]]
    content: Json[dict[str, Any] | None]


async def whole(persona_id: int) -> tuple[int | None, dict[str, Any]]:
    """Return the account of any persona, and its whole card, for the operator. Raises `NotFound`."""
    found = await fetch_one(
        _Whole,
        "SELECT p.account_id, p.card, o.content FROM personas p LEFT JOIN persona_originals o ON o.persona_id = p.id "
        "WHERE p.id = $1",
        persona_id,
    )
    if found is None:
        raise NotFound("persona.unknown")
    return found.account_id, found.card | (found.content or {})


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
