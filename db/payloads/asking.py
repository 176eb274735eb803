"""Payloads of questions to the language model alone."""

from typing import ClassVar

from db.payloads.base import Payload


class ModelAnswer(Payload):
    """What the model answered. ``stopped``: somebody ended it there. Nothing of it is stored elsewhere."""

    kind: ClassVar[str] = "model_answer"

    text: str
    stopped: bool = False
