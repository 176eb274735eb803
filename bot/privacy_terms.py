"""What the operator says about privacy: a text of their own, and how long they keep backups."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from db.environment import BadEnvironment
from db.privacy import rules
from db.retention import RetentionSettings, days_kept
from db.schemas import load_schemas

TEXT_LENGTH: Final = 20_000
"""Maximum length of the operator's text, in characters: it is sent as messages."""


@dataclass(frozen=True, slots=True)
class PrivacyTerms:
    """The operator's terms. ``text`` replaces the default notice (empty: none); backups are kept ``backup_days``.

    ``days`` are how long rows are kept, by ``schema.table`` (`db.retention.days_kept`).
    """

    text: str = ""
    backup_days: int = 30
    days: Mapping[str, int] = field(default_factory=lambda: days_kept(RetentionSettings.model_construct(), rules(())))


NO_TERMS: Final = PrivacyTerms()


def read_terms(path: Path | None, backup_days: int, retention: RetentionSettings) -> PrivacyTerms:
    """Return the terms, with the text in a file. It blocks.

    Raises `BadEnvironment` if the file cannot be used, or the retention names a table that has none.
    """
    days = days_kept(retention, rules(load_schemas().specs))
    if path is None:
        return PrivacyTerms(backup_days=backup_days, days=days)
    try:
        text = path.expanduser().read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError, RuntimeError) as error:
        raise BadEnvironment(f"STORYFORK_PRIVACY_FILE: {path} cannot be read as UTF-8 text: {error}") from None
    if not text or len(text) > TEXT_LENGTH:
        raise BadEnvironment(f"STORYFORK_PRIVACY_FILE: {path} must have 1 to {TEXT_LENGTH} characters, not {len(text)}")
    return PrivacyTerms(text, backup_days, days)
