"""Say what is on a picture that a person sends: the persona whom it is for is told that, and never the picture."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, Field

from prompts.languages import language_name
from workers.cutting import cut_at_word
from workers.engines.text.reasoning import strip_reasoning
from workers.engines.text.unicode import is_blank
from workers.functions.base import AiFunction
from workers.functions.mending import mend_text
from workers.functions.parsing import ParseFailed

DESCRIPTION_LIMIT: Final = 800
"""Characters of a description."""


class PictureInputs(BaseModel):
    """A clean PNG, the language of the person who sends it, and what they say with it, perhaps nothing."""

    png: bytes = Field(default=b"", repr=False)
    said: str = ""
    language: str = "en"


class PictureSeen(BaseModel):
    """What is on the picture; "" if nobody could look."""

    text: str


class DescribePicture(AiFunction[PictureInputs, PictureSeen]):
    """Say what is on a picture, in a few sentences. Without a model that sees, nobody has looked."""

    name = "describe_picture"
    prompt = "picture/describe_picture"
    inputs = PictureInputs
    role = "chat"
    agent = "archivist"

    async def prepare(self, inputs: PictureInputs) -> dict[str, Any]:
        """Return what was said, and the language."""
        return {"said": inputs.said, "language": language_name(inputs.language)}

    def pictures(self, inputs: PictureInputs) -> Sequence[bytes]:
        """Return the picture."""
        return (inputs.png,)

    async def parse(self, text: str, inputs: PictureInputs) -> PictureSeen:
        """Return the description on one line. Raises `ParseFailed`."""
        del inputs
        found = " ".join(mend_text(strip_reasoning(text)).replace("[", "(").replace("]", ")").split())
        if is_blank(found):
            raise ParseFailed("The description is empty.")
        return PictureSeen(text=cut_at_word(found, DESCRIPTION_LIMIT))

    def offline(self, inputs: PictureInputs) -> PictureSeen:
        """Return nothing: templates see nothing."""
        del inputs
        return PictureSeen(text="")
