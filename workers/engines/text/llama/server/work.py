"""One request on its way through the scheduler."""

import codecs
from collections.abc import Callable
from dataclasses import dataclass, field

from workers.engines.processes.connection import Client
from workers.engines.text.base import FinishReason
from workers.engines.text.llama.server.cells import CellSequence
from workers.engines.text.reasoning import ReasoningFilter
from workers.engines.text.stop_strings import StopStrings


@dataclass(eq=False, slots=True)
class Ticket:
    """Stands for a request from its arrival on. Any thread may set ``cancelled``."""

    sink: Client
    id: int
    cancelled: bool = False


class Answer:
    """Turns the bytes of tokens into what is shown: whole code points, no reasoning, nothing from a stop string on."""

    def __init__(self, stop: tuple[str, ...], reasoning: ReasoningFilter | None) -> None:
        """``reasoning`` None shows everything."""
        # A model may write broken UTF-8; such bytes are dropped.
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._reasoning = reasoning
        self._stop = StopStrings(stop)

    @property
    def stopped(self) -> bool:
        """True when a stop string was completed."""
        return self._stop.stopped

    def push(self, piece: bytes) -> str:
        """Take the next token's bytes and return what may be shown now."""
        text = self._decoder.decode(piece)
        if self._reasoning is not None:
            text = self._reasoning.push(text)
        return self._stop.push(text)

    def flush(self) -> str:
        """Return what was held back, at the end."""
        text = self._decoder.decode(b"", final=True)
        if self._reasoning is not None:
            text = self._reasoning.push(text) + self._reasoning.flush()
        return self._stop.push(text) + self._stop.flush()


@dataclass(eq=False, slots=True)
class Work:
    """A request with everything that was prepared for it.

    ``tokens`` begin as the prompt and grow by what is drawn. While it runs, `sequence` holds a beginning of them; all
    that is missing is read, and the next token is drawn after the last. ``draw`` draws from a place of the last
    decode; ``free`` releases what it holds. ``shared`` leading tokens are the product's own words.
    """

    ticket: Ticket
    tenant: str
    priority: int
    tokens: list[int]
    shared: int
    max_tokens: int
    answer: Answer
    draw: Callable[[int], int]
    free: Callable[[], None]
    arrived: float
    """Clock of the scheduler."""
    begun: int = 0
    """Tokens at the end of the prompt that are the beginning of the answer."""
    prompt_length: int = field(init=False)
    sequence: CellSequence | None = None
    cached_tokens: int | None = None
    """Of the prompt, found in the cache when it was first admitted."""
    waited_long: bool = False
    """It was admitted before its turn because it had waited, and is not put back again."""
    finish_reason: FinishReason | None = None

    def __post_init__(self) -> None:
        self.prompt_length = len(self.tokens)

    @property
    def written(self) -> int:
        """Tokens drawn so far."""
        return len(self.tokens) - self.prompt_length

    @property
    def limit(self) -> int:
        """Cells that it may come to need."""
        return self.prompt_length + self.max_tokens

    @property
    def pending(self) -> int:
        """Tokens that the model has not read yet."""
        assert self.sequence is not None
        return len(self.tokens) - self.sequence.length
