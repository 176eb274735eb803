"""What an override may contain, checked without running it.

Only the syntax tree is inspected: Jinja2 folds constants while it compiles, so compiling ``{{ 10**10**10 }}`` already
runs it. Compiling is left to the child process.
"""

from collections.abc import Mapping

from jinja2 import TemplateError, TemplateSyntaxError, nodes

from prompts.errors import PromptInvalid
from prompts.sandbox import FILTERS, TESTS, PromptEnvironment
from prompts.template import PromptInput, Section

MAX_SOURCE_BYTES = 16 * 1024

_ALLOWED: tuple[type[nodes.Node], ...] = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.For, nodes.If, nodes.Assign, nodes.Name, nodes.Const,
    nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.And,
    nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.CondExpr, nodes.Concat, nodes.List, nodes.Tuple, nodes.Dict,
    nodes.Pair, nodes.Keyword, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod,
)  # fmt: skip


def check_length(source: str) -> None:
    """Raise `PromptInvalid` if ``source`` is longer than `MAX_SOURCE_BYTES`."""
    size = len(source.encode("utf-8", "replace"))
    if size > MAX_SOURCE_BYTES:
        raise PromptInvalid(f"the prompt is {size} bytes long; the limit is {MAX_SOURCE_BYTES}")


def check_sections(
    environment: PromptEnvironment, sections: tuple[Section, ...], inputs: Mapping[str, PromptInput]
) -> None:
    """Raise `PromptInvalid` with the reason if a section must not be rendered."""
    known = ", ".join(sorted(inputs))
    for section in sections:
        if section.variable is not None:
            spec = inputs.get(section.variable)
            if spec is None or spec.type != "list":
                raise PromptInvalid(f"'{section.variable}' is no list of messages here; known inputs: {known}")
            continue
        for name in sorted(_undeclared(_parse(environment, section.source)) - inputs.keys()):
            raise PromptInvalid(f"unknown variable '{name}' in the {section.role} section; known inputs: {known}")


def _parse(environment: PromptEnvironment, source: str) -> nodes.Template:
    try:
        tree = environment.parse(source)
        _check_nodes(tree)
    except TemplateSyntaxError as error:
        raise PromptInvalid(f"line {error.lineno}: {error.message}") from error
    except TemplateError as error:
        raise PromptInvalid(str(error)) from error
    except RecursionError as error:
        raise PromptInvalid("the template is nested too deeply") from error
    return tree


def _check_nodes(node: nodes.Node) -> None:
    line = f"line {node.lineno}: "
    if isinstance(node, nodes.Pow):
        raise PromptInvalid(f"{line}the ** operator is not available in prompts")
    if isinstance(node, nodes.Call):
        raise PromptInvalid(f"{line}functions and methods cannot be called in prompts; use a filter such as |join")
    if isinstance(node, nodes.For) and node.recursive:
        raise PromptInvalid(f"{line}recursive loops are not available in prompts")
    if not isinstance(node, _ALLOWED):
        raise PromptInvalid(f"{line}'{type(node).__name__.lower()}' is not available in prompts")
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        raise PromptInvalid(f"{line}unknown filter '{node.name}'; available: {', '.join(sorted(FILTERS))}")
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        raise PromptInvalid(f"{line}unknown test '{node.name}'")
    for child in node.iter_child_nodes():
        _check_nodes(child)


def _undeclared(tree: nodes.Template) -> set[str]:
    # "loop" exists inside every for loop; a name that is stored anywhere in the section counts as its own.
    stored = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    return {name.name for name in tree.find_all(nodes.Name)} - stored - {"loop"}
