"""Questions to the language model alone, without a persona: a job, of which no word is kept."""

from typing import ClassVar

from db.work import Allowance, JobParameters


class AskModel(JobParameters):
    """Answer ``question``, rated at most ``allowance``. It is dropped afterwards."""

    type: ClassVar[str] = "ask_model"
    question: str = ""
    language: str = "en"
    allowance: Allowance = "sfw"
