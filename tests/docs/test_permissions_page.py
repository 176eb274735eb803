"""docs/operating.md: the table of permissions is that of the code."""

import re
from pathlib import Path

from db.permissions import DEFAULTS

PAGE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()


def test_the_table_of_permissions_is_that_of_the_code() -> None:
    table = dict(re.findall(r"^\| `([a-z_]+)` \| ([a-z]+) \|", PAGE, re.MULTILINE))
    assert table == dict(DEFAULTS)
