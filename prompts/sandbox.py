"""The environment in which prompts render, and the child program that renders other people's templates.

This file is also run by path as the child process, so it imports little but jinja2 and the standard library.
The limits address hostile templates: nested loops and big powers exhaust the CPU, padding filters and string
multiplication exhaust memory. The sandbox class refuses what it can detect; the operating system stops the rest.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from prompts.frames import serve_frames

MAX_OUTPUT_BYTES = 64 * 1024
MAX_CPU_S = 1
MAX_NUMBER = 10**9

FILTERS = frozenset(
    {
        "abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "items", "join",
        "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "replace", "reverse",
        "round", "select", "selectattr", "sort", "string", "sum", "title", "trim", "truncate", "unique", "upper",
    }
)  # fmt: skip
TESTS = frozenset(
    {
        "boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "gt", "in",
        "integer", "iterable", "le", "lower", "lt", "mapping", "ne", "none", "number", "odd", "sequence",
        "string", "true", "undefined", "upper", "==", "!=", ">", ">=", "<", "<=", "greaterthan", "lessthan",
    }
)  # fmt: skip


class OutputTooLong(Exception):
    """The rendered text exceeded `MAX_OUTPUT_BYTES`."""


class PromptEnvironment(ImmutableSandboxedEnvironment):
    """Jinja2 with strict variables, no globals, few filters, and arithmetic only on small numbers."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, kept: int = 0) -> None:
        """``kept``: the number of compiled sources to cache, for our own templates."""
        super().__init__(
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
            optimized=False,
            cache_size=0,
            finalize=lambda value: "" if value is None else value,
        )
        self._kept, self._compiled = kept, dict[str, Template]()
        self.globals.clear()
        self.filters = {name: self.filters[name] for name in FILTERS}
        self.tests = {name: self.tests[name] for name in TESTS}

    def compiled(self, source: str) -> Template:
        """Return a source as a template, from the cache if possible."""
        template = self._compiled.get(source)
        if template is None:
            template = self.from_string(source)
            if len(self._compiled) < self._kept:
                self._compiled[source] = template
        return template

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Allow ``*`` and ``%`` on small numbers only, ``**`` never."""
        if operator == "**":
            raise SecurityError("the ** operator is not available in prompts")
        for value in (left, right):
            if not isinstance(value, int | float) or abs(value) > MAX_NUMBER:
                raise SecurityError(f"the {operator} operator works on numbers up to {MAX_NUMBER} only")
        return super().call_binop(context, operator, left, right)


def render_sources(
    environment: PromptEnvironment,
    sources: Sequence[str],
    variables: Mapping[str, Any],
    max_bytes: int | None = None,
) -> list[str]:
    """Render each source with the same variables. Raises jinja2 errors and `OutputTooLong`."""
    texts: list[str] = []
    total = 0
    for source in sources:
        if max_bytes is None:
            texts.append(environment.compiled(source).render(variables))
            continue
        pieces: list[str] = []
        for piece in environment.compiled(source).generate(variables):
            total += len(piece.encode("utf-8", "replace"))
            if total > max_bytes:
                raise OutputTooLong
            pieces.append(piece)
        texts.append("".join(pieces))
    return texts


def _answer(environment: PromptEnvironment, request: Mapping[str, Any], data: bytes) -> tuple[dict[str, Any], bytes]:
    del data
    return _render(environment, request), b""


def _render(environment: PromptEnvironment, request: Mapping[str, Any]) -> dict[str, Any]:
    try:
        texts = render_sources(environment, request["sources"], request["variables"], MAX_OUTPUT_BYTES)
    except OutputTooLong:
        return {"limit": f"the rendered prompt is longer than {MAX_OUTPUT_BYTES // 1024} KiB"}
    except (MemoryError, RecursionError):
        return {"limit": "the template needs too much memory"}
    except TemplateError as error:
        return {"error": str(error)}
    except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, SyntaxError) as error:
        # Raised by a template's own expressions: the author's mistake, reported to the author.
        return {"error": f"{type(error).__name__}: {error}"[:500]}
    return {"texts": texts}


def main() -> None:
    """Serve render requests on stdin and stdout until stdin ends."""
    environment = PromptEnvironment()
    render_sources(environment, ["{% for x in y %}{{ x }}{% endfor %}"], {"y": [1]})
    serve_frames(partial(_answer, environment), cpu_s=MAX_CPU_S)


if __name__ == "__main__":
    main()
