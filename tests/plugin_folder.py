"""Packages as pip leaves them: a module and its dist-info in a folder, which tests put on the path."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def install(folder: Path, name: str, source: str, entry_points: Mapping[str, Sequence[str]]) -> None:
    """Write the package ``name`` 1.0: one module, and by group the lines of its entry points.

    A package of that name that an earlier test imported is forgotten.
    """
    for module in [m for m in sys.modules if m.partition(".")[0] == name]:
        del sys.modules[module]
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(source)
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    groups = [f"[{group}]\n" + "\n".join(lines) for group, lines in entry_points.items()]
    (info / "entry_points.txt").write_text("\n\n".join(groups) + "\n")
