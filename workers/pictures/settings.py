"""How pictures look here where nobody says otherwise, read from ``STORYFORK_PICTURE_…``."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from db.picture_looks import PictureLook
from prompts.pictures import qualities, sizes, styles

_KNOWN: Final[Mapping[str, Callable[[], Mapping[str, Any]]]] = {"style": styles, "size": sizes, "quality": qualities}


class PictureSettings(BaseSettings):
    """The operator's look, behind those of accounts, stories and personas."""

    model_config = SettingsConfigDict(
        env_prefix="STORYFORK_PICTURE_",
        env_file=".env",
        env_file_encoding="utf-8-sig",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    style: str = Field(
        default="",
        description="Style of pictures for which nobody chose one, such as `photo`. Unset: `illustration`.",
    )
    size: str = Field(
        default="",
        description="Size of pictures for which nobody chose one, such as `wide`. Unset: what suits the kind.",
    )
    quality: str = Field(
        default="", description="Quality of pictures for which nobody chose one, such as `draft` or `hd`."
    )
    negative: str = Field(
        default="", max_length=1000, description="What no picture shows, besides what is always left out."
    )

    @field_validator("style", "size", "quality")
    @classmethod
    def _is_known(cls, value: str, info: ValidationInfo) -> str:
        known = _KNOWN[info.field_name or ""]()
        if value and value not in known:
            raise ValueError(f"there is no such {info.field_name}; there are {', '.join(known)}")
        return value

    @property
    def look(self) -> PictureLook:
        """The settings as a look."""
        return PictureLook(self.style, self.size, self.quality, self.negative)
