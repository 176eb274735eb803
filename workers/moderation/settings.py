"""Settings of the classifiers of texts."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from workers.engines.openai.address import ServerAddress, read_setting


class ClassifierSettings(BaseSettings):
    """How the classifiers that ``STORYFORK_TEXT_CLASSIFIERS`` names are reached."""

    model_config = SettingsConfigDict(
        env_prefix="STORYFORK_",
        env_file=".env",
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    moderation_base_url: Annotated[ServerAddress | None, NoDecode] = Field(
        default=None,
        description="For `remote`: the root of a server with OpenAI's `/moderations`, such as "
        "`https://api.openai.com/v1`. Every text goes there.",
    )
    moderation_api_key: SecretStr | None = Field(default=None, description="API key of that server, if it wants one.")
    moderation_model: str = Field(default="", description="Its model; empty: the server's own choice.")
    moderation_timeout: float = Field(default=10.0, gt=0, description="Seconds that it may take for one passage.")
    judge_model: str = Field(
        default="", description="For `judge`: the name of the text model that judges; empty: the engine's default."
    )
    text_classifier: Path | None = Field(
        default=None,
        description="For `folder`: a folder with a transformers model for sequence classification (safetensors). Its "
        "labels must say which of them are sexual.",
    )

    @field_validator("moderation_base_url", mode="before")
    @classmethod
    def _read_url(cls, value: object) -> object:
        return read_setting(value)
