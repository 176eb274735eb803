"""The checks as `docs/craft.md` lists them are those of the code."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from workers.craft import choices, pages, replies, sheets
from workers.craft.findings import CraftCheck

PAGE = Path(__file__).parents[3] / "docs" / "craft.md"


def table(checks: Sequence[CraftCheck[Any]]) -> str:
    """The rows of the checks: name, what its docstring says, what is said to a model."""
    rows = (f"| `{each.name}` | {(each.fails.__doc__ or '').strip()} | {each.reason} |" for each in checks)
    return "\n".join(rows)


@pytest.mark.parametrize("checks", [pages.CHECKS, choices.CHECKS, replies.CHECKS, sheets.CHECKS])
def test_every_check_is_in_the_documents(checks: Sequence[CraftCheck[Any]]) -> None:
    assert table(checks) in PAGE.read_text(encoding="utf-8")
