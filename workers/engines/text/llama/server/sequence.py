"""A request and its sequence on their way through the scheduler."""

import codecs
from collections.abc import Callable
from dataclasses import dataclass, field

from workers.engines.processes.connection import Client
from workers.engines.text.base import FinishReason
from workers.engines.text.llama.server.radix_tree import CellSequence
from workers.engines.text.reasoning import ReasoningFilter
from workers.engines.text.stop_strings import StopStrings
from workers.engines.text.turns import TurnFilter


@dataclass(eq=False, slots=True)
class Request:
    """A request from its arrival to its last event. Any thread may set ``cancelled``."""

    client: Client
    id: int
    cancelled: bool = False


class Detokenizer:
    """Turns the bytes of tokens into the visible text: whole code points, without reasoning.

    The text ends at a stop string or at the mark of another turn.
    """

    def __init__(self, stop: tuple[str, ...], reasoning: ReasoningFilter | None) -> None:
        """Without ``reasoning``, thoughts are part of the text."""
        # A model may write invalid UTF-8; such bytes are dropped.
        self._decoder = codecs.getincrementaldecoder("utf-8")("ignore")
        self._reasoning = reasoning
        self._turns = TurnFilter()
        self._stop = StopStrings(stop)

    @property
    def stopped(self) -> bool:
        """Whether a stop string or the mark of another turn is complete."""
        return self._stop.stopped or self._turns.ended

    def push(self, piece: bytes) -> str:
        """Add the next token's bytes and return the text that may be shown now."""
        text = self._decoder.decode(piece)
        if self._reasoning is not None:
            text = self._reasoning.push(text)
        return self._stop.push(self._turns.push(text))

    def flush(self) -> str:
        """Return the text held back, at the end."""
        text = self._decoder.decode(b"", final=True)
        if self._reasoning is not None:
            text = self._reasoning.push(text) + self._reasoning.flush()
        return self._stop.push(self._turns.push(text) + self._turns.flush()) + self._stop.flush()


@dataclass(eq=False, slots=True)
class Sequence:
    """The token sequence of a request: its prompt, followed by the tokens sampled so far.

    While it runs, ``cells`` holds a prefix of ``tokens``. ``sample`` returns the next token from the logits at an index
    of the last decode; ``free`` releases native memory. The first ``shared`` tokens are the product's own words.
    """

    request: Request
    tenant: str
    priority: int
    tokens: list[int]
    shared: int
    max_tokens: int
    detokenizer: Detokenizer
    sample: Callable[[int], int]
    free: Callable[[], None]
    arrived: float
    """By the scheduler's clock."""
    begun: int = 0
    """Tokens at the end of the prompt that already belong to the answer."""
    prompt_length: int = field(init=False)
    cells: CellSequence | None = None
    cached_tokens: int | None = None
    """Prompt tokens found in the cache when it was first admitted."""
    waited_long: bool = False
    """Admitted out of turn because it had waited long; never preempted."""
    finish_reason: FinishReason | None = None

    def __post_init__(self) -> None:
        self.prompt_length = len(self.tokens)

    @property
    def written(self) -> int:
        """Number of tokens sampled so far."""
        return len(self.tokens) - self.prompt_length

    @property
    def limit(self) -> int:
        """Number of cells that it may come to need."""
        return self.prompt_length + self.max_tokens

    @property
    def pending(self) -> int:
        """Number of tokens not decoded yet."""
        assert self.cells is not None
        return len(self.tokens) - self.cells.length
