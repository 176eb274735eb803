"""Personas that a model writes: jobs that make one up, and that write about one."""

from typing import ClassVar, Literal

from db.work import Allowance, JobParameters, Links


class MakeUpPersona(JobParameters):
    """Make up a persona from ``hint``, called ``name`` if that is given; ``allowance`` is what it may hold."""

    type: ClassVar[str] = "make_up_persona"
    hint: str = ""
    name: str = ""
    language: str = "en"
    visibility: Literal["owner", "place"] = "owner"
    allowance: Allowance = "sfw"
    talks: bool = False


class RewritePersonaJob(JobParameters):
    """Write the description of ``persona`` anew (``bio``), or what its card lacks (``expand``), as somebody wishes.

    ``moderates``: who asks may change what others made there.
    """

    type: ClassVar[str] = "rewrite_persona"
    persona: int
    task: Literal["bio", "expand"]
    wish: str = ""
    language: str = "en"
    allowance: Allowance = "sfw"
    moderates: bool = False
    talks: bool = False

    def links(self) -> Links:
        """Return the persona."""
        return Links(persona_id=self.persona)
