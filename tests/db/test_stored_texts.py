"""Every column that holds words of people stands behind a gate, or says why not."""

from db.privacy import TABLES
from db.stored_texts import EXEMPT, SCREENED


def test_every_column_of_words_has_a_gate() -> None:
    words = {
        f"{rule.table}.{column}" for rule in TABLES for column, kind in rule.texts.items() if kind in ("words", "names")
    }
    assert set(SCREENED) & set(EXEMPT) == set()
    assert sorted(words - set(SCREENED) - set(EXEMPT)) == [], "name the gate of the column in db/stored_texts.py"
    assert sorted((set(SCREENED) | set(EXEMPT)) - words) == [], "there is no such column of words"
