"""The cost and reliability of constraining a model to a JSON schema: llguidance against llama.cpp's own grammar.

Both get the same schemas and the same models, whose logits are random (``blind``: nearly every token must be refused)
or favour a text that fits (``willing``: like a trained model). Every text is checked with jsonschema. Run from the
repository's root: ``python -m benchmarks.grammar [--quick]``.

The last line is machine-readable: for llguidance, and with ``gbnf_`` before the name for the baseline, the share of
``valid`` texts, and on the large vocabulary microseconds per token, ``blind_us`` and ``willing_us`` (mean) and
``blind_p99_us``, and ``start_ms`` per schema.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import jsonschema
import numpy as np
import platformdirs
import psutil

from benchmarks.grammar_bench import contenders
from benchmarks.grammar_bench.contenders import Contender, Logits, Schema
from benchmarks.grammar_bench.vocabularies import LoadedVocabulary, load_vocabulary
from tests.workers.engines.text.llama.schemas import random_schemas
from workers.engines.text.llama.protocol import SamplingParams
from workers.engines.text.llama.server import native

SMALL: Final = 2048
LARGE: Final = 131_072
MAX_TOKENS: Final = 1500
CONTENDERS: Final[dict[str, Callable[[LoadedVocabulary], Contender]]] = {
    "llguidance": contenders.llguidance,
    "gbnf": contenders.gbnf,
}
Model = Callable[[int], Logits]
"""Returns the logits of the next token, given the number of tokens so far."""


@dataclass(slots=True)
class GrammarFigures:
    """The results of one contender: seconds per token and per start, and the outcome of the texts."""

    tokens: list[float] = field(default_factory=list[float])
    starts: list[float] = field(default_factory=list[float])
    valid: int = 0
    invalid: int = 0
    unfinished: int = 0
    refused: int = 0
    longest: int = 0
    """Characters of the longest finished text."""
    faults: list[str] = field(default_factory=list[str])
    texts: dict[int, str] = field(default_factory=dict[int, str])
    """A valid text, by the schema's number."""

    @property
    def valid_share(self) -> float:
        """Share of valid texts among those finished or cut off; a refused schema has none."""
        return self.valid / max(1, self.valid + self.invalid + self.unfinished)


def _params(seed: int) -> SamplingParams:
    return SamplingParams(
        max_tokens=MAX_TOKENS, temperature=1.0, top_p=1.0, top_k=0, min_p=0.0, repeat_penalty=1.0, seed=seed
    )


def _blind(known: LoadedVocabulary, seed: int, bias: float) -> Model:
    """Return an untrained model; ``bias`` makes it close strings and objects sooner."""
    dice = np.random.default_rng(seed)

    def logits(_written: int) -> Logits:
        drawn = dice.standard_normal(known.size, dtype=np.float32) * np.float32(3)
        drawn[known.closers] += np.float32(bias)
        return drawn

    return logits


def _willing(known: LoadedVocabulary, seed: int, text: str) -> Model:
    """Return a model that favours writing ``text``."""
    wanted = [*native.tokenize(known.vocab, text), min(known.ends)]
    blind = _blind(known, seed, 0.0)

    def logits(written: int) -> Logits:
        drawn = blind(written)
        drawn[wanted[min(written, len(wanted) - 1)]] = 40
        return drawn

    return logits


def _write(
    known: LoadedVocabulary, contender: Contender, schema: Schema, seed: int, model: Model, figures: GrammarFigures
) -> str | None:
    """Write one text; None if the schema was refused or the text did not end."""
    began = time.perf_counter()
    try:
        writer = contender(schema, _params(seed))
    except ValueError as error:
        figures.refused += 1
        figures.faults.append(f"refused: {error}"[:160])
        return None
    figures.starts.append(time.perf_counter() - began)
    written: list[int] = []
    try:
        while len(written) < MAX_TOKENS:
            logits = model(len(written))
            began = time.perf_counter()
            token = writer.sample_from(logits)
            figures.tokens.append(time.perf_counter() - began)
            if token in known.ends:
                return b"".join(known.pieces[token] for token in written).decode("utf-8", "surrogateescape")
            written.append(token)
    except RuntimeError as error:
        figures.faults.append(f"stuck: {error}")
    finally:
        writer.close()
    figures.unfinished += 1
    return None


def _check(number: int, schema: Schema, text: str | None, figures: GrammarFigures) -> None:
    if text is None:
        return
    figures.longest = max(figures.longest, len(text))
    try:
        jsonschema.Draft202012Validator(schema).validate(json.loads(text))
        figures.valid += 1
        figures.texts.setdefault(number, text)
    except (ValueError, RecursionError, jsonschema.ValidationError) as error:
        figures.invalid += 1
        figures.faults.append(f"invalid: {str(error).splitlines()[0]}"[:160])


def run(
    known: LoadedVocabulary, contender: Contender, schemas: Sequence[Schema], texts: dict[int, str] | None
) -> GrammarFigures:
    """Write two texts for every schema: blindly, or, where there is one, the text of ``texts`` willingly."""
    figures = GrammarFigures()
    for number, schema in enumerate(schemas):
        for seed, bias in ((2 * number, 0.0), (2 * number + 1, 6.0)):
            if texts is None:
                model = _blind(known, seed, bias)
            elif number in texts:
                model = _willing(known, seed, texts[number])
            else:
                continue
            _check(number, schema, _write(known, contender, schema, seed, model, figures), figures)
    return figures


def _microseconds(seconds: Sequence[float]) -> tuple[float, float, float]:
    values = np.array(seconds) * 1e6
    return float(values.mean()), float(np.median(values)), float(np.quantile(values, 0.99))


def _row(name: str, size: int, kind: str, figures: GrammarFigures) -> str:
    mean, median, p99 = _microseconds(figures.tokens)
    start = 1e3 * float(np.mean(figures.starts))
    return (
        f"{name:12} {size:>7} {kind:8} {figures.valid_share:>6.1%} {figures.invalid:>8} {figures.unfinished:>11} "
        f"{figures.refused:>8} {figures.longest:>8} {mean:>8.0f} {median:>8.0f} {p99:>8.0f} {start:>9.2f}"
    )


def _compare(known: LoadedVocabulary, schemas: Sequence[Schema]) -> Iterator[tuple[str, str, GrammarFigures]]:
    """Yield the results of each contender and kind of model."""
    texts: dict[int, str] = {}
    for name, make in CONTENDERS.items():
        before = psutil.Process().memory_info().rss
        began = time.perf_counter()
        contender = make(known)
        print(f"{name}: ready for {known.size} tokens in {time.perf_counter() - began:.2f} s")
        blind = run(known, contender, schemas, None)
        texts = texts or blind.texts
        willing = run(known, contender, schemas, texts)
        grown = (psutil.Process().memory_info().rss - before) / 2**20
        print(f"{name}: {grown:.0f} MiB after {len(schemas)} schemas")
        for fault in dict.fromkeys([*blind.faults, *willing.faults][:1000]):
            print(f"  {fault}")
        yield name, "blind", blind
        yield name, "willing", willing


def main() -> None:
    """Run and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="40 schemas instead of 400")
    options = parser.parse_args()
    count = 40 if options.quick else 400
    folder = Path(platformdirs.user_cache_dir("storyfork-benchmarks"))
    rows: list[str] = []
    results: dict[tuple[str, int, str], GrammarFigures] = {}
    for size in (SMALL, LARGE):
        known = load_vocabulary(folder, size)
        # The small vocabulary checks correctness, the large one measures the cost.
        schemas = random_schemas(count if size == SMALL else max(10, count // 8))
        for name, kind, figures in _compare(known, schemas):
            results[name, size, kind] = figures
            rows.append(_row(name, size, kind, figures))
        plain = run(known, contenders.unconstrained(known), schemas[:5], None)
        rows.append(_row("none", size, "blind", plain))
    print(
        f"\n{'constraint':12} {'tokens':>7} {'model':8} {'valid':>6} {'invalid':>8} {'unfinished':>11} {'refused':>8} "
        f"{'longest':>8} {'mean µs':>8} {'p50 µs':>8} {'p99 µs':>8} {'start ms':>9}"
    )
    print(*rows, sep="\n")
    print(" ".join(_last_line(results)))


def _last_line(results: dict[tuple[str, int, str], GrammarFigures]) -> Iterator[str]:
    for name in CONTENDERS:
        prefix = "" if name == "llguidance" else f"{name}_"
        shares = [figures.valid_share for (other, _, _), figures in results.items() if other == name]
        blind, willing = results[name, LARGE, "blind"], results[name, LARGE, "willing"]
        yield f"{prefix}valid={min(shares):.4f}"
        yield f"{prefix}blind_us={_microseconds(blind.tokens)[0]:.0f}"
        yield f"{prefix}blind_p99_us={_microseconds(blind.tokens)[2]:.0f}"
        yield f"{prefix}willing_us={_microseconds(willing.tokens)[0]:.0f}"
        yield f"{prefix}start_ms={1e3 * float(np.mean(blind.starts)):.2f}"


if __name__ == "__main__":
    sys.exit(main())
