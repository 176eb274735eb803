"""All prompts by name, shipped and from installed packages, and the overrides that may replace them."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from prompts.errors import PromptInvalid, PromptNotFound
from prompts.product import product_texts
from prompts.sandbox import PromptEnvironment
from prompts.sizes import SIZES, SizeClass, not_smaller
from prompts.template import Origin, PromptTemplate, Section, parse_file, split_sections
from prompts.validation import check_length, check_sections

GROUP: Final = "storyfork.prompts"
"""Entry-point group for packages that add prompts: each names a folder, such as ``files(__name__) / "prompts"``."""
_SUFFIX: Final = ".md.j2"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BrokenPrompts:
    """An entry point whose prompts are not used, and why. ``package`` is its distribution with version."""

    entry: str
    package: str
    reason: str


class PromptRegistry:
    """Templates by name (``area/name``) and size of models. Overrides are passed in as text; it reads no database."""

    def __init__(self, root: Traversable | None = None) -> None:
        """Load every ``*.md.j2`` under ``root`` (default: the product's own). Raises `PromptInvalid`."""
        self._environment = PromptEnvironment()
        self._templates: dict[tuple[str, SizeClass], PromptTemplate] = {}
        self._used: dict[tuple[str, SizeClass], PromptTemplate] = {}
        self.problems: list[BrokenPrompts] = []
        """Packages whose prompts are not used."""
        self.add(root or files("prompts") / "templates")

    def add(self, root: object) -> None:
        """Load every ``*.md.j2`` under the folder ``root``, or none. Raises `PromptInvalid` and `TypeError`."""
        if not isinstance(root, Traversable):
            raise TypeError(f"{type(root).__name__} is not a folder of resources")
        found: dict[tuple[str, SizeClass], PromptTemplate] = {}
        # A prompt before its variants.
        for name, path in sorted(_walk(root, ""), key=lambda entry: (_size_in(entry[0]) != "large", entry[0])):
            template = parse_file(path.read_text(encoding="utf-8"), where=name + _SUFFIX)
            if (template.name, template.size) != (named := (_without_size(name), _size_in(name))):
                raise PromptInvalid(f"{name}{_SUFFIX}: its header says name: {template.name}, size: {template.size}")
            if named in self._templates:
                raise PromptInvalid(f"{name}: another prompt has that name")
            if template.size != "large":
                if (whole := found.get((template.name, "large"))) is None:
                    raise PromptInvalid(f"{name}{_SUFFIX}: there is no {template.name}{_SUFFIX}")
                template = replace(template, inputs=whole.inputs)
            check_sections(self._environment, template.sections, template.inputs)
            found[named] = template
        self._templates |= found

    def names(self) -> tuple[str, ...]:
        """Return all names, sorted."""
        return tuple(sorted({name for name, _ in self._templates}))

    def get(self, name: str, size: SizeClass = "large") -> PromptTemplate:
        """Return the default template for models of a ``size``: the variant for that, else for the next larger one.

        Raises `PromptNotFound`.
        """
        for each in not_smaller(size):
            if (name, each) in self._templates:
                return self._with_product_texts(name, each)
        raise PromptNotFound(f"there is no prompt '{name}'; prompts are: {', '.join(self.names())}")

    def _with_product_texts(self, name: str, size: SizeClass) -> PromptTemplate:
        # Most programs use few prompts, and all together take a tenth of their start.
        if (used := self._used.get((name, size))) is None:
            template = self._templates[name, size]
            sections = tuple(
                replace(section, product=product_texts(self._environment, section.source))
                for section in template.sections
            )
            used = self._used[name, size] = replace(template, sections=sections)
        return used

    def smaller_variant(self, name: str, size: SizeClass) -> SizeClass | None:
        """Return the size of the next smaller variant of a prompt than models of a ``size`` get; None without one."""
        mine = self.get(name, size).size
        return next((each for each in SIZES[: SIZES.index(mine)][::-1] if (name, each) in self._templates), None)

    def validate(
        self, name: str, source: str, *, origin: Origin = "account", size: SizeClass = "large"
    ) -> PromptTemplate:
        """Return the template that ``source`` makes in place of ``name``, whatever the model's ``size``.

        A source without section lines replaces the system section and leaves the others as they are for that size.
        Raises `PromptNotFound`, or `PromptInvalid` with the reason.
        """
        default = self.get(name, size)
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
        self,
        name: str,
        size: SizeClass = "large",
        /,
        *,
        task: str | None = None,
        persona: str | None = None,
        account: str | None = None,
    ) -> PromptTemplate:
        """Return the template to use: the task's override, else the persona's, else the account's, else the default.

        Raises like `validate`: an override stored under an older version may use removed inputs, and the caller
        decides whether to fall back to ``get(name, size)``.
        """
        overrides: tuple[tuple[Origin, str | None], ...] = (("task", task), ("persona", persona), ("account", account))
        for origin, source in overrides:
            if source is not None:
                return self.validate(name, source, origin=origin, size=size)
        return self.get(name, size)


@lru_cache(maxsize=1)
def default_registry() -> PromptRegistry:
    """Return the registry of the product's and the installed packages' templates, loaded once."""
    return load_registry()


def load_registry() -> PromptRegistry:
    """Load the product's templates and those of installed packages; broken ones are listed in its ``problems``."""
    registry = PromptRegistry()
    for entry in sorted(entry_points(group=GROUP), key=lambda e: e.name):
        try:
            registry.add(entry.load())
        except (Exception, SystemExit) as e:  # noqa: BLE001 - a package may raise anything while it is imported
            package = f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else "unknown package"
            problem = BrokenPrompts(entry.name, package, f"{type(e).__name__}: {e}")
            _log.warning("prompts of %s (%s) are not used: %s", problem.entry, package, problem.reason)
            registry.problems.append(problem)
    return registry


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(_SUFFIX):
            yield prefix + entry.name.removesuffix(_SUFFIX), entry


def _size_in(name: str) -> SizeClass:
    """Return the size of models for which a file's name says it is."""
    ending = name.rpartition(".")[2]
    sizes: dict[str, SizeClass] = {size: size for size in SIZES}
    return sizes.get(ending, "large")


def _without_size(name: str) -> str:
    return name.removesuffix(f".{_size_in(name)}")


def changed_lines(name: str, source: str) -> str:
    """Return the lines of ``source`` that the default of a prompt does not have: what a person wrote of it.

    The product's own lines name what must not be written. Raises `PromptNotFound`.
    """
    defaults = (default_registry().get(name, size).source for size in SIZES)
    own = {line.strip() for source in defaults for line in source.splitlines()}
    return "\n".join(line for line in source.splitlines() if line.strip() not in own)


def changeable(name: str) -> bool:
    """Return whether an account may have its own text for a prompt: not for those of moderation."""
    return not name.startswith("safety/")
