"""All prompts that ship with the product, by name, and the overrides that may stand in for them."""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from prompts.errors import PromptInvalid, PromptNotFound
from prompts.product import product_texts
from prompts.sandbox import PromptEnvironment
from prompts.template import Origin, PromptTemplate, Section, parse_file, split_sections
from prompts.validation import check_length, check_sections

_SUFFIX = ".md.j2"


class PromptRegistry:
    """Templates by name (``area/name``). Overrides are passed in as text; this class reads no database."""

    def __init__(self, root: Traversable | None = None) -> None:
        """Load every ``*.md.j2`` under ``root`` (default: the package's own). Raises `PromptInvalid`."""
        self._environment = PromptEnvironment()
        self._templates: dict[str, PromptTemplate] = {}
        for name, path in sorted(_walk(root or files("prompts") / "templates", "")):
            template = parse_file(path.read_text(encoding="utf-8"), where=name + _SUFFIX)
            if template.name != name:
                raise PromptInvalid(f"{name}{_SUFFIX}: its header says name: {template.name}")
            check_sections(self._environment, template.sections, template.inputs)
            sections = tuple(
                replace(section, product=product_texts(self._environment, section.source))
                for section in template.sections
            )
            self._templates[name] = replace(template, sections=sections)

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted."""
        return tuple(self._templates)

    def get(self, name: str) -> PromptTemplate:
        """Return the default template. Raises `PromptNotFound`."""
        try:
            return self._templates[name]
        except KeyError:
            raise PromptNotFound(f"there is no prompt '{name}'; prompts are: {', '.join(self._templates)}") from None

    def validate(self, name: str, source: str, *, origin: Origin = "account") -> PromptTemplate:
        """Return the template that ``source`` makes in place of ``name``.

        A source without section lines replaces the system section and leaves the others as they are.
        Raises `PromptNotFound`, or `PromptInvalid` with what to change.
        """
        default = self.get(name)
        check_length(source)
        source = source.replace("\r\n", "\n").strip("\n")
        if not source.strip():
            raise PromptInvalid("the prompt is empty; reset it to use the default")
        sections = split_sections(source)
        if sections is None:
            others = tuple(section for section in default.sections if section.variable or section.role != "system")
            sections = (Section(source, "system"), *others)
        check_sections(self._environment, sections, default.inputs)
        return replace(default, source=source, sections=sections, origin=origin)

    def resolve(
        self, name: str, *, task: str | None = None, persona: str | None = None, account: str | None = None
    ) -> PromptTemplate:
        """Return the template to use: the task's override, else the persona's, else the account's, else the default.

        Raises like `validate`: an override stored under an older version may name inputs that are gone, and the
        caller decides whether to go on with ``get(name)``.
        """
        overrides: tuple[tuple[Origin, str | None], ...] = (("task", task), ("persona", persona), ("account", account))
        for origin, source in overrides:
            if source is not None:
                return self.validate(name, source, origin=origin)
        return self.get(name)


@lru_cache(maxsize=1)
def default_registry() -> PromptRegistry:
    """Return the registry of the package's own templates, loaded once."""
    return PromptRegistry()


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield prefix + entry.name.removesuffix(_SUFFIX), entry
