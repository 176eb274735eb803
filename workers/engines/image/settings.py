"""Settings of the image engines, read from ``STORYFORK_…`` environment variables and ``.env``."""

import math
from pathlib import Path
from typing import Annotated, Literal, cast

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from workers.engines.image.base import MAX_PIXELS
from workers.engines.openai.address import ServerAddress, read_setting


class ImageSettings(BaseSettings):
    """Which engines draw pictures, in which order, and how they are reached."""

    model_config = SettingsConfigDict(
        env_prefix="STORYFORK_",
        env_file=".env",
        env_file_encoding="utf-8-sig",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    image_engines: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("sdxl", "openai"),
        description=(
            "Order in which engines are asked, comma-separated: `sdxl`, `openai`. Engines that are not configured are "
            "skipped; without any there are no pictures. Packages may add others."
        ),
    )

    models_dir: Path = Field(default=Path("models"), description="Folder that is searched for models.")
    image_model: Path | None = Field(
        default=None,
        description=(
            "SDXL model: a folder as diffusers writes it, or a single `.safetensors` file. Unset: the models folder "
            "is searched."
        ),
    )
    image_config: Path | None = Field(
        default=None,
        description=(
            "Folder with the configuration and tokenizers of SDXL, for a model that is a single file (a diffusers "
            "model without its weights). Unset: a folder of the same name beside the file, or `image/sdxl-config`."
        ),
    )
    image_device: str = Field(default="auto", description="`cuda`, `cuda:1`, `mps`, `cpu`, or `auto` for the best one.")
    image_dtype: Literal["auto", "float16", "bfloat16", "float32"] = Field(
        default="auto", description="Number format of the model. `auto`: `float16` on a GPU, `float32` on a CPU."
    )
    image_batch: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Maximum pictures drawn at a time; 0 means as many as the memory holds, up to 16.",
    )
    image_shared: bool = Field(
        default=True,
        description=(
            "Load the model once per machine and set of visible GPUs, for all workers. `false` loads it once for each "
            "worker."
        ),
    )
    image_threads: int = Field(default=0, ge=0, description="CPU threads of the image model; 0 leaves it to torch.")
    image_compile: bool = Field(
        default=False,
        description="Compile the model at the start, which takes minutes and makes every picture faster. GPU only.",
    )
    image_warm_up: Annotated[tuple[tuple[int, int], ...], NoDecode] = Field(
        default=(),
        description="Sizes such as `1024x1024,832x1216` that are drawn once at the start, before the engine is ready.",
    )
    image_loras: Path | None = Field(
        default=None, description="Folder with LoRAs (`.safetensors`); a request names them by their file name."
    )
    image_classifier: Path | None = Field(
        default=None,
        description=(
            "Folder with an image classifier for sexual content (transformers, safetensors). It judges what is drawn "
            "here, what the server of pictures sends, and the pictures of imported cards."
        ),
    )
    image_strict: bool = Field(
        default=False, description="Draw nothing, however harmless it seems, unless a safety classifier will check it."
    )
    image_checksums: Path | None = Field(
        default=None,
        description=(
            "File with SHA-256 sums, one at the beginning of each line: only models listed there are loaded. Unset: "
            "only a sum beside the file (`model.safetensors.sha256`) is checked."
        ),
    )
    image_max_pixels: int = Field(
        default=MAX_PIXELS, ge=64 * 64, description="Maximum width times height of a picture."
    )
    image_stall_s: float = Field(
        default=300.0,
        gt=0,
        description="Seconds without any progress after which the picture process counts as hung and is replaced.",
    )

    image_base_url: Annotated[ServerAddress | None, NoDecode] = Field(
        default=None,
        description="Root of an OpenAI-compatible server for pictures, such as `https://api.openai.com/v1`.",
    )
    image_api_key: SecretStr | None = Field(default=None, description="API key of that server, if it wants one.")
    image_remote_model: str | None = Field(default=None, description="Name of the image model on that server.")
    image_timeout: float = Field(
        default=180.0, gt=0, description="Seconds the server may take for a picture before it counts as down."
    )
    image_price: Annotated[dict[str, float], NoDecode] = Field(
        default={},
        description=(
            "US dollars for one picture of that server: `0.04`, or by quality `low=0.01,medium=0.04,high=0.17` "
            "(what the server calls it)."
        ),
    )

    @field_validator("image_base_url", mode="before")
    @classmethod
    def _read_address(cls, value: object) -> object:
        return read_setting(value)

    @field_validator("image_engines", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name.strip().lower() for name in value.split(",") if name.strip())
        return value

    @field_validator("image_price", mode="before")
    @classmethod
    def _read_prices(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [part.rpartition("=") for part in value.split(",") if part.strip()]
        return {name.strip().lower(): price.strip() for name, _, price in pairs}

    @field_validator("image_price")
    @classmethod
    def _no_negative_price(cls, prices: dict[str, float]) -> dict[str, float]:
        if any(not 0 <= price < math.inf for price in prices.values()):
            raise ValueError("a price is 0 or more")
        return prices

    @field_validator("image_warm_up", mode="before")
    @classmethod
    def _split_sizes(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(tuple(size.strip().lower().split("x")) for size in value.split(",") if size.strip())
        return value

    @field_validator("image_warm_up")
    @classmethod
    def _possible_sizes(cls, sizes: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        for width, height in sizes:
            if min(width, height) < 64 or width % 8 or height % 8:
                raise ValueError(f"{width}x{height}: each side must be a multiple of 8, and 64 at least")
        return sizes

    @field_validator(
        "image_model", "image_config", "image_loras", "image_classifier", "image_checksums",
        "image_api_key", "image_remote_model", mode="before",
    )  # fmt: skip
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return None if isinstance(value, str) and not value.strip() else cast("object", value)
