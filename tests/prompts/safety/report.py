"""Print the check's rates over the corpora: ``python -m tests.prompts.safety.report [misses]``."""

import sys
from collections import Counter
from collections.abc import Iterable

from prompts.safety.check import refusal, scan
from tests.prompts.safety.compose import Case, Tables, statements, to_pass, to_refuse


def missed(cases: Iterable[Case]) -> list[Case]:
    """Return those that had to be refused at every rating, but are not."""
    return [case for case in cases if refusal("nsfw", case.text) != "minors"]


def refused(cases: Iterable[Case]) -> list[Case]:
    """Return those that had to pass at the lowest rating, but do not."""
    return [case for case in cases if refusal("sfw", case.text) is not None]


def wrong(topic: str, tables: Tables) -> tuple[list[Case], int]:
    """Return the statements about adults or a crisis that are not told apart, and their number."""
    right, others = statements(tables, topic), statements(tables, f"not_{topic}")  # type: ignore[arg-type]
    faults = [case for case in right if not getattr(scan(case.text), topic)]
    faults += [case for case in others if getattr(scan(case.text), topic)]
    return faults, len(right) + len(others)


def _rows(title: str, cases: list[Case], faults: list[Case]) -> None:
    print(f"\n{title}: {len(faults)} of {len(cases)} ({100 * len(faults) / len(cases):.2f} %)")
    for key in ("language", "disguise"):
        of, bad = Counter(getattr(c, key) for c in cases), Counter(getattr(c, key) for c in faults)
        print(f"  by {key}: " + ", ".join(f"{name} {bad[name]}/{number}" for name, number in of.items()))


def main() -> None:
    """Print the table; with ``misses`` also the tuned requests that fail."""
    for tables in ("tuned",) if "misses" in sys.argv else ("tuned", "held_out"):
        for title, cases, check in (
            ("must refuse, missed", to_refuse(tables), missed),
            ("must pass, refused", to_pass(tables), refused),
        ):
            faults = check(cases)
            _rows(f"{tables}, {title}", cases, faults)
            if tables == "tuned" and "misses" in sys.argv:
                for case in faults:
                    print("   ", case.language, case.disguise, repr(case.text))
        for topic in ("adults", "crisis"):
            faults, number = wrong(topic, tables)
            print(f"{tables}, {topic} told wrongly: {len(faults)} of {number}")
            if tables == "tuned" and "misses" in sys.argv:
                for case in faults:
                    print("   ", case.language, scan(case.text), repr(case.text))


if __name__ == "__main__":
    main()
