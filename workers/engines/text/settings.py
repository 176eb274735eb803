"""Settings of the text engines, read from ``STORYFORK_…`` environment variables and ``.env``."""

from pathlib import Path
from typing import Annotated, cast

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class TextSettings(BaseSettings):
    """Which engines write text, in which order, and how they are reached."""

    model_config = SettingsConfigDict(env_prefix="STORYFORK_", env_file=".env", extra="ignore", frozen=True)

    use_ai: bool = Field(default=True, description="Use language models. `false` makes the templates write everything.")
    text_engines: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("llama", "remote", "template"),
        description=(
            "Order in which engines are asked, comma-separated: `llama`, `remote`, `template`. "
            "Engines that are not configured are skipped; `template` is always the last."
        ),
    )

    models_dir: Path = Field(default=Path("models"), description="Folder that is searched for models.")
    text_model: Path | None = Field(
        default=None,
        description=(
            "GGUF file (or a folder with one; of a split model, its first part). It is used even if it seems too big "
            "for the memory. Unset: the models folder is searched."
        ),
    )
    llama_context: int = Field(
        default=8192,
        ge=256,
        description="Context window in tokens: prompt and answer together. Never more than the model was trained for.",
    )
    llama_gpu_layers: int = Field(
        default=0, ge=-1, description="Layers of the model that the GPU holds; -1 means all of them."
    )
    llama_threads: int = Field(
        default=0, ge=0, description="CPU threads of llama.cpp; 0 means one for each physical core."
    )
    llama_stall_s: float = Field(
        default=120.0,
        gt=0,
        description="Seconds without any progress after which the model process counts as hung and is replaced.",
    )

    remote_base_url: str | None = Field(
        default=None, description="Root of an OpenAI-compatible server, such as `http://localhost:8080/v1`."
    )
    remote_api_key: SecretStr | None = Field(default=None, description="API key of that server, if it wants one.")
    remote_model: str | None = Field(default=None, description="Name of the model on that server.")
    remote_timeout: float = Field(
        default=120.0, gt=0, description="Seconds the server may stay silent before it counts as down."
    )
    remote_price_in: float = Field(default=0.0, ge=0, description="US dollars per million prompt tokens.")
    remote_price_out: float = Field(default=0.0, ge=0, description="US dollars per million generated tokens.")

    @field_validator("text_engines", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip().lower() for name in value.split(",") if name.strip())
        return value

    @field_validator("text_engines")
    @classmethod
    def _known_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        unknown = sorted(set(names) - {"llama", "remote", "template"})
        if unknown:
            raise ValueError(f"unknown text engines: {', '.join(unknown)}")
        return names

    @field_validator("text_model", "remote_base_url", "remote_api_key", "remote_model", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else cast("object", value)
