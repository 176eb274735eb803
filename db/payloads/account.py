"""Payloads of accounts: settings, status, forms."""

from typing import ClassVar

from pydantic import Field

from db.payloads.base import Payload


class ModelChoice(Payload):
    """The text model that an account uses, and those available to it. ``conversation`` may have one of its own."""

    kind: ClassVar[str] = "model"

    account: int
    conversation: int | None = None


class SamplingTable(Payload):
    """How an account's functions and agents sample."""

    kind: ClassVar[str] = "sampling"

    account: int


class PromptSource(Payload):
    """The prompt that an account uses, for a persona, a story or a type of jobs if one is named."""

    kind: ClassVar[str] = "prompt"

    account: int
    name: str
    persona: int | None = None
    story: int | None = None
    job: str | None = None


class PromptResults(Payload):
    """The results of a test of the prompt ``name``; ``runs``: it has not ended."""

    kind: ClassVar[str] = "prompt_results"

    account: int
    test: int
    name: str
    runs: bool


class ServiceStatus(Payload):
    """How busy the service is."""

    kind: ClassVar[str] = "status"

    account: int
    user: int


class Question(Payload):
    """The next field of a form that is asked field by field.

    ``form`` is the packed action that opened it, ``given`` names the answered fields, ``present`` holds the previous
    values.
    """

    kind: ClassVar[str] = "question"

    form: str
    given: list[str] = Field(default_factory=list[str])
    present: dict[str, str] = Field(default_factory=dict[str, str])
