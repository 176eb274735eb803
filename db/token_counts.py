"""Counting the tokens of a text, which takes a model: a job."""

from typing import ClassVar

from db.work import JobParameters


class CountTokens(JobParameters):
    """Count ``text`` by the model that would answer: in a ``story``, or as ``persona``. It is dropped afterwards."""

    type: ClassVar[str] = "count_tokens"
    text: str = ""
    persona: int | None = None
    story: bool = False
