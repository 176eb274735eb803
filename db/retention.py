"""How long the rows of each table are kept: the rules' days (`db.privacy`), or the operator's."""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from db.environment import BadEnvironment
from db.schemas import TableRule

VARIABLE: Final = "STORYFORK_RETENTION"
_MOST_DAYS: Final = 36_500


class RetentionSettings(BaseSettings):
    """How long what grows is kept."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8-sig", env_ignore_empty=True, extra="ignore"
    )

    storyfork_retention: Annotated[dict[str, int], NoDecode] = Field(
        default_factory=dict[str, int],
        description="Days that the rows of a table are kept, where they are to be others than its default: "
        "`jobs=14,audit=90`; a package's table with its schema, `dice.rolls=7`. The tables are listed below.",
    )

    @field_validator("storyfork_retention", mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found: dict[str, int] = {}
        for item in filter(None, (part.strip() for part in value.split(","))):
            table, equals, days = (part.strip() for part in item.partition("="))
            if not (table and equals and days.isascii() and days.isdigit() and 1 <= int(days) <= _MOST_DAYS):
                raise ValueError(f"write table=days, with 1 to {_MOST_DAYS} days, not {item[:60]!r}")
            found[table] = int(days)
        return found


def days_kept(settings: RetentionSettings, rules: Mapping[str, TableRule]) -> dict[str, int]:
    """Return the days of every table that has a retention, by ``schema.table``; ``rules`` are `db.privacy.rules`.

    Raises `BadEnvironment` for a table that has none, and for fewer days than it needs.
    """
    found = {name: rule.retention.days for name, rule in rules.items() if rule.retention is not None}
    for name, days in settings.storyfork_retention.items():
        table = name if "." in name else f"public.{name}"
        rule = rules.get(table)
        if rule is None or rule.retention is None:
            known = ", ".join(sorted(each.removeprefix("public.") for each in found))
            raise BadEnvironment(f"{VARIABLE}: {name!r} is no table with a retention; these are: {known}")
        if days < rule.retention.least:
            raise BadEnvironment(f"{VARIABLE}: {name} must be kept for {rule.retention.least} days at least")
        found[table] = days
    return found
