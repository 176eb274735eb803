"""Splits literal text into chunks of tokens that fit a text encoder. Takes time linear in the text."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from workers.engines.image.sdxl.protocol import MAX_CHARACTERS, Part
from workers.engines.image.sdxl.server.failures import Refused

CHUNK = 77
"""Tokens that CLIP's text encoders read at a time, including the start and end tokens."""
ROOM = CHUNK - 2
MAX_TOKENS = 15 * ROOM
"""Tokens of a prompt: cross-attention costs time for each of them."""
MAX_WEIGHTED = 16
"""Parts of a prompt with a weight of their own: each one below 1 is encoded once more."""
MAX_WEIGHT = 2.0
_END_OF_WORD = "</w>"


class Tokenizer(Protocol):
    """The parts of a CLIP tokenizer that are used here."""

    bos_token_id: int
    eos_token_id: int
    pad_token_id: int

    def get_vocab(self) -> Mapping[str, int]:
        """Return all tokens and their ids."""
        ...

    def __call__(self, text: str, **options: Any) -> Any:
        """Return ``input_ids`` and more."""
        ...


@dataclass(frozen=True, slots=True)
class Chunk:
    """At most `ROOM` tokens, whole words where they fit. ``parts`` is the prompt part of each."""

    ids: tuple[int, ...]
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EncodingPlan:
    """A prompt in chunks, at least one. ``weights`` has one number for each part."""

    chunks: tuple[Chunk, ...]
    weights: tuple[float, ...]
    tokens: int


class Planner:
    """Plans prompts for one tokenizer."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ends = frozenset(i for token, i in tokenizer.get_vocab().items() if token.endswith(_END_OF_WORD))

    def plan(self, parts: Sequence[Part]) -> EncodingPlan:
        """Return the chunks of a prompt. Raises `Refused` if it is too long or has too many weights."""
        _check(parts)
        ids: list[int] = []
        owners: list[int] = []
        for i, part in enumerate(parts):
            found: list[int] = self._tokenizer(literal(part.text), add_special_tokens=False, verbose=False)["input_ids"]
            ids += found
            owners += [i] * len(found)
        if len(ids) > MAX_TOKENS:
            raise Refused(f"the prompt has {len(ids)} tokens, {MAX_TOKENS} are possible")
        chunks = tuple(Chunk(tuple(ids[a:b]), tuple(owners[a:b])) for a, b in self._cuts(ids))
        return EncodingPlan(chunks, tuple(part.weight for part in parts), len(ids))

    def _cuts(self, ids: Sequence[int]) -> Iterable[tuple[int, int]]:
        start = 0
        while len(ids) - start > ROOM:
            end = start + ROOM
            # Back to the end of a word; a single word longer than a chunk is cut.
            while end > start and ids[end - 1] not in self._ends:
                end -= 1
            end = end if end > start else start + ROOM
            yield start, end
            start = end
        yield start, len(ids)


def literal(text: str) -> str:
    """Return ``text`` with nothing that the tokenizer would read as a control token."""
    return text.replace("<|", "< |")


def _check(parts: Sequence[Part]) -> None:
    length = sum(len(part.text) for part in parts)
    if length > MAX_CHARACTERS:
        raise Refused(f"the prompt has {length} characters, {MAX_CHARACTERS} are possible")
    weighted = sum(part.weight != 1 for part in parts)
    if weighted > MAX_WEIGHTED:
        raise Refused(f"the prompt has {weighted} weighted parts, {MAX_WEIGHTED} are possible")
    for part in parts:
        # Also false for NaN.
        if not 0 <= part.weight <= MAX_WEIGHT:
            raise Refused(f"the weight {part.weight:g} is not between 0 and {MAX_WEIGHT:g}")
