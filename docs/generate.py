"""Writes docs/settings.md from the settings classes of all rooms.

With `--check` it writes nothing and exits with 1 if the page is out of date.
"""

import inspect
import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pydantic import SecretStr  # noqa: E402
from pydantic.fields import FieldInfo  # noqa: E402
from pydantic_core import PydanticUndefined  # noqa: E402
from pydantic_settings import BaseSettings  # noqa: E402

from bot.limit_settings import LimitSettings  # noqa: E402
from bot.settings import BotSettings  # noqa: E402
from db.agents import FunctionSettings  # noqa: E402
from db.environment import variables_of  # noqa: E402
from db.logs import LogSettings  # noqa: E402
from db.privacy import TABLES  # noqa: E402
from db.retention import RetentionSettings  # noqa: E402
from db.settings import DatabaseSettings, ModerationSettings  # noqa: E402
from workers.context.settings import ContextSettings  # noqa: E402
from workers.craft.settings import CraftSettings  # noqa: E402
from workers.engines.image.settings import ImageSettings  # noqa: E402
from workers.engines.text.embedding.settings import EmbeddingSettings  # noqa: E402
from workers.engines.text.settings import TextSettings  # noqa: E402
from workers.feeds.settings import FeedSettings  # noqa: E402
from workers.moderation.settings import ClassifierSettings  # noqa: E402
from workers.pictures.settings import PictureSettings  # noqa: E402
from workers.settings import WorkerSettings  # noqa: E402

PAGE = ROOT / "docs" / "settings.md"
SECTIONS: tuple[tuple[str, type[BaseSettings]], ...] = (
    ("Bot and command", BotSettings),
    ("Logs", LogSettings),
    ("Limits", LimitSettings),
    ("Database", DatabaseSettings),
    ("Moderation", ModerationSettings),
    ("Retention", RetentionSettings),
    ("Classifiers of texts", ClassifierSettings),
    ("Workers", WorkerSettings),
    ("Text engines", TextSettings),
    ("Functions and agents", FunctionSettings),
    ("Embedding", EmbeddingSettings),
    ("Context", ContextSettings),
    ("Craft", CraftSettings),
    ("Image engines", ImageSettings),
    ("Pictures", PictureSettings),
    ("Feeds", FeedSettings),
)
INTRODUCTION = """\
# Settings

<!-- Written by `make docs` from the settings classes; `make check` fails when it is out of date. -->

Settings are environment variables, or lines `NAME=value` of a file named `.env` in the directory where `storyfork` is
started; a variable wins over the file. `storyfork doctor` checks them and says what to do. Everything has a default:
`storyfork demo` needs none of them.
"""


def page() -> str:
    """The whole document."""
    seen: set[str] = set()
    parts = [INTRODUCTION]
    for title, settings in SECTIONS:
        rows = [row for name, row in _rows(settings) if not (name in seen or seen.add(name))]
        parts.append(f"## {title}\n\n| variable | default | meaning |\n| --- | --- | --- |\n" + "".join(rows))
        if settings is RetentionSettings:
            parts.append("Without it, rows are kept so long (days, after the time in a column):\n\n" + "".join(_kept()))
    return "\n".join(parts)


def _kept() -> Iterator[str]:
    for rule in sorted(TABLES, key=lambda rule: rule.table):
        if (kept := rule.retention) is not None:
            least = f", at least {kept.least}" if kept.least > 1 else ""
            yield f"* `{rule.table}`: {kept.days} after `{kept.since}`{least}\n"


def _rows(settings: type[BaseSettings]) -> Iterator[tuple[str, str]]:
    for variable, field in zip(variables_of(settings), settings.model_fields.values(), strict=True):
        meaning = inspect.cleandoc(field.description or "").replace("\n", " ").replace("|", "\\|")
        yield variable, f"| `{variable}` | {_default(field)} | {meaning}{_choices(field)} |\n"


def _default(field: FieldInfo) -> str:
    default: object = field.default
    if default is PydanticUndefined or default is None or default == "" or isinstance(default, SecretStr):
        return ""  # a default that depends on the machine is told in the description
    if isinstance(default, (list, tuple)):
        default = ",".join(str(item) for item in typing.cast("list[object]", default))
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _choices(field: FieldInfo) -> str:
    annotation = field.annotation
    if isinstance(annotation, types.UnionType):
        annotation = next(part for part in typing.get_args(annotation) if part is not type(None))
    if typing.get_origin(annotation) is not typing.Literal:
        return ""
    return " One of " + ", ".join(f"`{choice}`" for choice in typing.get_args(annotation)) + "."


def main(arguments: list[str]) -> int:
    """Write the page, or with --check compare it; returns the exit code."""
    wanted = page()
    if arguments != ["--check"]:
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != wanted:
        sys.stderr.write("docs/settings.md is out of date: run `make docs`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
