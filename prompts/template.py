"""A prompt template: its header, its inputs, and the sections that become chat messages.

A file begins with a YAML header between two ``---`` lines. The rest is cut into sections by lines such as
``--- system ---``; a section is a Jinja2 template of its own, so no value can forge a role. The special line
``--- messages: history ---`` stands for the messages in the variable ``history``, which are inserted unchanged.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from yaml import YAMLError

from prompts.errors import PromptInvalid
from prompts.sizes import SizeClass
from prompts.yaml_text import parse_yaml

Role = Literal["system", "user", "assistant"]
Origin = Literal["default", "task", "persona", "account"]
AnswerForm = Literal["json", "prose", "lines"]
"""What a prompt asks for: JSON by the schema of its function (if that has one), plain text, or a numbered list."""
InputType = Literal["text", "integer", "number", "boolean", "list", "mapping"]

_ROLES: tuple[Role, ...] = get_args(Role)
_HEADER = re.compile(r"\A---[ \t]*\n(?P<header>.*?)\n---[ \t]*(?:\n|\Z)(?P<body>.*)\Z", re.DOTALL)
_LOGIC = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_MARKER = re.compile(
    r"^---[ \t]+(?:(?P<role>[a-z]+)|messages:[ \t]*(?P<variable>[a-z_][a-z0-9_]*))[ \t]+---[ \t]*$", re.MULTILINE
)


class PromptInput(BaseModel):
    """One variable of a template."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: InputType
    description: str = Field(min_length=1)
    required: bool = True


class PromptHeader(BaseModel):
    """The front matter of a template file. Unknown keys are refused.

    ``size`` is the class of models that the text is for. A variant for smaller ones has the inputs of the large one.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z_]+/[a-z_]+$")
    version: int = Field(ge=1)
    purpose: str = Field(min_length=1)
    size: SizeClass = "large"
    answer: AnswerForm = "json"
    inputs: dict[str, PromptInput] = Field(default_factory=dict[str, PromptInput])


@dataclass(frozen=True, slots=True)
class Section:
    """One message of the prompt (``role`` and ``source``), or the position of a list of messages (``variable``).

    ``product`` are the texts that the message may begin with and that are the product's own (`prompts.product`).
    """

    source: str
    role: Role = "system"
    variable: str | None = None
    product: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PromptTemplate:
    """A template ready to render. ``source`` is the text without its header, as people see and edit it.

    ``origin`` is the author: only ``default`` files are trusted and rendered in process.
    """

    name: str
    version: int
    purpose: str
    inputs: Mapping[str, PromptInput]
    source: str
    sections: tuple[Section, ...]
    origin: Origin = "default"
    size: SizeClass = "large"
    answer: AnswerForm = "json"

    @property
    def words(self) -> str:
        """The template's own words, without variables and logic: what an answer should not repeat."""
        return "\n".join(_LOGIC.sub("\n", section.source) for section in self.sections)

    @property
    def required(self) -> frozenset[str]:
        """Names of the required variables."""
        return frozenset(name for name, spec in self.inputs.items() if spec.required)


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """One rendered message of the chat prompt.

    The first ``shared`` characters, and all earlier messages, are the product's own words: the same for every
    account.
    """

    role: Role
    text: str
    shared: int = 0


def parse_file(text: str, *, where: str) -> PromptTemplate:
    """Return the template of a whole file; ``where`` names it in errors. Raises `PromptInvalid`."""
    match = _HEADER.match(text.replace("\r\n", "\n"))
    if match is None:
        raise PromptInvalid(f"{where}: the file must begin with a YAML header between two lines of three dashes")
    try:
        raw: Any = parse_yaml(match["header"])
        header = PromptHeader.model_validate(raw)
    except YAMLError as error:
        raise PromptInvalid(f"{where}: the header is not valid YAML: {error}") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'header'}: {e['msg']}" for e in error.errors())
        raise PromptInvalid(f"{where}: {problems}") from error
    body = match["body"].strip("\n")
    sections = split_sections(body)
    if sections is None:
        raise PromptInvalid(f"{where}: no section; begin the prompt with a line like '--- system ---'")
    if (header.size == "large") != ("inputs" in header.model_fields_set):
        raise PromptInvalid(f"{where}: a prompt for large models lists its inputs, a variant has the same ones")
    return PromptTemplate(
        header.name, header.version, header.purpose, header.inputs, body, sections, size=header.size,
        answer=header.answer,
    )  # fmt: skip


def split_sections(body: str) -> tuple[Section, ...] | None:
    """Cut ``body`` at its section lines; None if it has none. Raises `PromptInvalid` for an unknown role."""
    markers = list(_MARKER.finditer(body))
    if not markers:
        return None
    if body[: markers[0].start()].strip():
        raise PromptInvalid("there is text before the first section line; move it under '--- system ---'")
    sections: list[Section] = []
    for marker, following in zip(markers, [*markers[1:], None], strict=True):
        source = body[marker.end() : following.start() if following else len(body)].strip("\n")
        if marker["variable"]:
            if source.strip():
                raise PromptInvalid(f"text under '{marker[0].strip()}' belongs to no role; add a section line above it")
            sections.append(Section("", variable=marker["variable"]))
            continue
        if marker["role"] not in _ROLES:
            raise PromptInvalid(f"unknown section '{marker['role']}'; sections are {', '.join(_ROLES)}")
        sections.append(Section(source, cast("Role", marker["role"])))
    return tuple(sections)
