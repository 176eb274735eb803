"""Settings of the text engines, read from ``STORYFORK_…`` environment variables and ``.env``."""

from pathlib import Path
from typing import Annotated, cast

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from workers.engines.openai.address import ServerAddress, read_setting
from workers.engines.text.llama.protocol import KvType
from workers.engines.text.remote_settings import Price, ServerSpec, parse_models, parse_prices, parse_servers
from workers.engines.text.size_class import ModelSize
from workers.offline import NAME as OFFLINE

ROLES = frozenset({"writer", "chat", "persona"})
"""What models may be chosen for."""


class TextSettings(BaseSettings):
    """Which engines write text, in which order, and how they are reached."""

    model_config = SettingsConfigDict(
        env_prefix="STORYFORK_",
        env_file=".env",
        env_file_encoding="utf-8-sig",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    use_ai: bool = Field(
        default=True, description="Use language models. With `false`, templates write everything, offline."
    )
    text_engines: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("llama", "remote", OFFLINE),
        description=(
            "Order in which engines are asked, comma-separated: `llama`, `remote`, `litellm`, and those of packages. "
            "Engines that are not configured are skipped. `template`, the offline writer, always comes last."
        ),
    )
    model_size: ModelSize = Field(
        default="auto",
        description=(
            "The size of the models for which prompts are written: `small` (below 3 billion parameters), `medium` "
            "(below 15), `large`. `auto` takes it from each model's file, else from its name; a model of which neither "
            "says anything counts as large."
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
    llama_models: Annotated[dict[str, Path], NoDecode] = Field(
        default={},
        description=(
            "Other GGUF files for some roles, such as `writer=/models/big.gguf,chat=/models/small.gguf`. "
            "Roles are `writer`, `chat` and `persona`."
        ),
    )
    llama_cells: int = Field(
        default=0,
        ge=0,
        description=(
            "Tokens that all conversations together may have in a model's KV cache; "
            "0 means four conversations of full length."
        ),
    )
    llama_max_num_seqs: int = Field(
        default=8, ge=1, le=128, description="Answers that a model writes at a time. More wait for their turn."
    )
    llama_max_num_batched_tokens: int = Field(
        default=128,
        ge=16,
        le=512,
        description=(
            "Tokens that go through a model at a time while an answer is being written. Smaller: running answers flow "
            "more evenly. Larger: new ones begin sooner."
        ),
    )
    llama_gpu_layers: int | None = Field(
        default=None, ge=-1, description="Layers of a model that the GPU holds; -1 means all. Unset: as many as fit."
    )
    llama_kv_type: KvType = Field(
        default="f16",
        description="How the KV cache holds numbers: `f16`, or `q8_0` and `q4_0` for half and a quarter of the memory.",
    )
    llama_flash: bool | None = Field(
        default=None, description="Flash attention. Unset: where llama.cpp has it for this device."
    )
    llama_swap_mb: int = Field(
        default=256,
        ge=0,
        description="MiB of memory for conversations that lost their place in the KV cache, per model; 0 keeps none.",
    )
    llama_memory_mb: int = Field(
        default=0,
        ge=0,
        description=(
            "MiB that all loaded models of this machine may take. Before it is exceeded, those go that were not needed "
            "for longest. 0 is no limit."
        ),
    )
    llama_shared: bool = Field(
        default=True,
        description="Load each model once per machine, for all workers. `false` loads it once for each worker.",
    )
    llama_threads: int = Field(
        default=0, ge=0, description="CPU threads of llama.cpp; 0 means one for each physical core."
    )
    llama_stall_s: float = Field(
        default=120.0,
        gt=0,
        description="Seconds without any progress after which the model process counts as hung and is replaced.",
    )

    remote_base_url: Annotated[tuple[ServerSpec, ...], NoDecode] = Field(
        default=(),
        description=(
            "Root of an OpenAI-compatible server, such as `http://localhost:8080/v1`. Several with the same models, "
            "comma-separated, share the work; `#parallel=16` after one sets how many requests it works on at once (8). "
            "A query (`?api-version=…`, a comma in it as `%2C`) is sent with every request and shown nowhere."
        ),
    )
    remote_api_key: SecretStr | None = Field(default=None, description="API key of these servers, if they want one.")
    remote_model: str | None = Field(default=None, description="Name of the model on these servers.")
    remote_vision_model: str | None = Field(
        default=None,
        description="Name of a model on these servers that understands pictures; it may be the same. It describes the "
        "pictures that people send to a persona, without their metadata. Unset: people are told that nobody looks.",
    )
    remote_models: Annotated[dict[str, str], NoDecode] = Field(
        default={},
        description="Other models for some roles, such as `writer=big-model,chat=small-model,persona=small-model`.",
    )
    remote_context: int | None = Field(
        default=None,
        ge=256,
        description=(
            "Context window of these models in tokens: prompt and answer together. Unset: the servers are asked; of "
            "one that does not say, 8192. Set it for Ollama, which cuts longer prompts off without a word."
        ),
    )
    remote_connect_timeout: float = Field(default=10.0, gt=0, description="Seconds to connect to a server.")
    remote_timeout: float = Field(
        default=120.0, gt=0, description="Seconds until the first word of an answer, after which a server is down."
    )
    remote_chunk_timeout: float = Field(default=60.0, gt=0, description="Seconds between two pieces of an answer.")
    remote_total_timeout: float = Field(default=900.0, gt=0, description="Seconds that a whole answer may take.")
    remote_prices: Annotated[dict[str, Price], NoDecode] = Field(
        default={},
        description=(
            "US dollars per million tokens by model: `model=input/output` or `model=input/cached/output`, "
            "comma-separated. Other models are free, but for `litellm`, which has a price table of its own."
        ),
    )

    litellm_model: str | None = Field(
        default=None, description="Model of the engine `litellm`, as `provider/model`. Needs the extra `litellm`."
    )
    litellm_models: Annotated[dict[str, str], NoDecode] = Field(
        default={}, description="Other models for some roles, as in `STORYFORK_REMOTE_MODELS`."
    )
    litellm_api_key: SecretStr | None = Field(
        default=None, description="Key of the provider. Unset: its own variable is read, such as `ANTHROPIC_API_KEY`."
    )
    litellm_context: int | None = Field(
        default=None, ge=256, description="Context window in tokens. Unset: as in LiteLLM's table, else 8192."
    )
    litellm_base_url: Annotated[ServerAddress | None, NoDecode] = Field(
        default=None, description="Where the provider is, if not at its usual place."
    )

    @field_validator("llama_models")
    @classmethod
    def _known_roles(cls, models: dict[str, Path]) -> dict[str, Path]:
        if unknown := sorted(models.keys() - ROLES):
            raise ValueError(f"unknown roles: {', '.join(unknown)}")
        return models

    @field_validator("text_engines", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip().lower() for name in value.split(",") if name.strip())
        return value

    @field_validator("remote_base_url", mode="before")
    @classmethod
    def _read_servers(cls, value: object) -> object:
        return parse_servers(value) if isinstance(value, str) else value

    @field_validator("litellm_base_url", mode="before")
    @classmethod
    def _read_address(cls, value: object) -> object:
        return read_setting(value)

    @field_validator("remote_prices", mode="before")
    @classmethod
    def _read_prices(cls, value: object) -> object:
        return parse_prices(value) if isinstance(value, str) else value

    @field_validator("llama_models", "remote_models", "litellm_models", mode="before")
    @classmethod
    def _read_models(cls, value: object) -> object:
        return parse_models(value) if isinstance(value, str) else value

    @field_validator(
        "text_model",
        "remote_api_key",
        "remote_model",
        "remote_vision_model",
        "remote_context",
        "litellm_context",
        "litellm_model",
        "litellm_api_key",
        mode="before",
    )
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else cast("object", value)
