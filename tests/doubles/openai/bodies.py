"""The requests that the server takes: anything else is refused, as by the real one."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class TextPart(_Strict):
    type: Literal["text"]
    text: str


class ImageUrl(_Strict):
    url: str = Field(pattern=r"^data:image/(png|jpeg);base64,[A-Za-z0-9+/]+=*$")


class ImagePart(_Strict):
    type: Literal["image_url"]
    image_url: ImageUrl


class ChatMessage(_Strict):
    role: Literal["system", "user", "assistant"]
    content: str | list[TextPart | ImagePart]


def words_of(message: ChatMessage) -> str:
    """The text of a message, without its pictures."""
    if isinstance(message.content, str):
        return message.content
    return " ".join(part.text for part in message.content if isinstance(part, TextPart))


class StreamOptions(_Strict):
    include_usage: bool = False


class JsonSchema(_Strict):
    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None


class SchemaFormat(_Strict):
    type: Literal["json_schema"]
    json_schema: JsonSchema


class ObjectFormat(_Strict):
    type: Literal["json_object", "text"]


class Body(_Strict):
    """https://platform.openai.com/docs/api-reference/chat/create, what we use of it."""

    model: str
    messages: list[ChatMessage] = Field(min_length=1)
    stream: Literal[True]
    stream_options: StreamOptions | None = None
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, ge=0, le=1)
    seed: int | None = None
    stop: list[str] | None = Field(default=None, max_length=4)
    response_format: SchemaFormat | ObjectFormat | None = Field(default=None, discriminator="type")
