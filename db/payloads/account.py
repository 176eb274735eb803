"""Payloads of accounts: settings, status, forms."""

from typing import ClassVar

from pydantic import Field

from db.payloads.base import Payload


class ModelChoice(Payload):
    """The text model that an account uses, and those available to it."""

    kind: ClassVar[str] = "model"

    account: int


class SamplingTable(Payload):
    """How an account's functions and agents sample."""

    kind: ClassVar[str] = "sampling"

    account: int


class PromptSource(Payload):
    """The prompt that an account uses."""

    kind: ClassVar[str] = "prompt"

    account: int
    name: str


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
