"""The protocol of text engines and its plain data types."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Protocol, runtime_checkable

from prompts.sizes import SizeClass

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length"]

INTERACTIVE = 0
"""Priority of work that a user is waiting for. Smaller goes first."""
BACKGROUND = 10
"""Priority of work that no one is waiting for yet."""
DRY_ALLOWED: Final = 4
"""Tokens that DRY lets be repeated in a row at no cost: the length of a name or a turn of phrase."""
DRY_BASE: Final = 1.75
"""By how much DRY makes each further repeated token more unlikely."""
XTC_THRESHOLD: Final = 0.1
"""The probability from which a token is a good one for XTC."""


@dataclass(frozen=True, slots=True)
class ModelMessage:
    """One turn of the prompt. ``content`` is data: no engine may read control tokens or templates from it.

    The first ``shared`` characters are the product's own words, the same for every account: what a model computed from
    them may be shared. ``pictures`` (PNG) stand behind the text; only engines that see (`SeesPictures`) are given any.
    """

    role: Role
    content: str
    shared: int = 0
    pictures: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are sampled. ``None`` leaves a value to the engine's own default."""

    max_tokens: int = 800
    temperature: float = 0.8
    top_p: float | None = 0.95
    top_k: int | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    dry: float | None = None
    """How strongly a run of tokens is kept from being repeated, of the prompt's too (llama.cpp's DRY); 0 not at all."""
    xtc: float | None = None
    """How often the likeliest of several good tokens are left out (llama.cpp's XTC): a probability."""
    dynamic: float | None = None
    """How far the temperature moves up and down with the model's certainty (llama.cpp's dynamic temperature)."""
    stop: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class TextRequest:
    """One generation: the assistant's next message, or the rest of the last one if that is the assistant's.

    Of such an opening only the rest is streamed and returned; its tokens count as the answer's.
    ``schema`` (JSON Schema) asks for JSON that fits it, ``pattern`` (a regular expression without look-around) for a
    plain text that matches as a whole (of an answer whose opening is given, the rest); engines that cannot constrain
    their output may ignore both, so callers parse tolerantly. ``tenant`` is the account whose text this is: engines
    never share cached text between tenants. ``deadline_s`` is seconds from the call.
    """

    id: str
    messages: tuple[ModelMessage, ...]
    sampling: Sampling = field(default_factory=Sampling)
    schema: Mapping[str, Any] | None = None
    pattern: str = ""
    tenant: str = ""
    priority: int = INTERACTIVE
    deadline_s: float | None = None
    model: str = ""
    """Role or model name; "" is the engine's default."""
    size: SizeClass | None = None
    """The class of models that the prompt is written for; None: for all of them."""


def with_pictures(messages: Sequence[ModelMessage], pictures: Sequence[bytes]) -> tuple[ModelMessage, ...]:
    """Return a prompt with pictures behind the last words of a person."""
    last = max((n for n, message in enumerate(messages) if message.role == "user"), default=None)
    if not pictures or last is None:
        return tuple(messages)
    shown = replace(messages[last], pictures=tuple(pictures))
    return (*messages[:last], shown, *messages[last + 1 :])


def pictures_of(messages: Sequence[ModelMessage]) -> tuple[bytes, ...]:
    """Return the pictures of a prompt."""
    return tuple(picture for message in messages for picture in message.pictures)


def without_opening(messages: Sequence[ModelMessage]) -> tuple[Sequence[ModelMessage], str]:
    """Return the messages before an answer that is begun, and its beginning; "" if there is none."""
    if messages and messages[-1].role == "assistant":
        return messages[:-1], messages[-1].content
    return messages, ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a generation used: token counts, and cost in US dollars (0 for local engines)."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Completion:
    """The whole answer of one generation. ``truncated`` answers have ``finish_reason == "length"``."""

    text: str
    finish_reason: FinishReason
    usage: Usage
    engine: str
    model: str
    model_hash: str = ""
    """SHA-256 of the model's file, as hexadecimal digits; "" if it is unknown, or not known yet."""
    unsent: frozenset[str] = frozenset()
    """Names of the request's `Sampling` that were set, but that the server does not take."""


@runtime_checkable
class TextEngine(Protocol):
    """A source of text. All methods may be called from many tasks at once.

    ``model`` in its methods is what `TextRequest.model` may hold: a role, the name of a model, or "" for the default.
    An engine that knows how large its models are is `KnowsParameters` too; of others it is read from their names. One
    that bills is `KnowsCosts`.
    """

    name: str
    """Name in the configuration and in the task log: ``llama``, ``remote``."""

    @property
    def is_local(self) -> bool:
        """Whether the model runs on this machine: nothing leaves it, and nothing is billed."""
        ...

    @property
    def model_names(self) -> tuple[str, ...]:
        """The models that an account may choose by name, the default for stories first; may be empty."""
        ...

    async def context_size(self, model: str = "") -> int | None:
        """Return the maximum number of tokens of prompt and answer together; None if unknown.

        May load the model. Raises `workers.engines.errors.EngineError`.
        """
        ...

    async def count_tokens(self, text: str, model: str = "") -> int:
        """Return the number of tokens of ``text``, without special tokens, by the tokenizer of that model."""
        ...

    async def count_many(self, texts: Sequence[str], model: str = "") -> list[int]:
        """Return the number of tokens of each text as the content of a message.

        Exact where the tokenizer can be asked, else never too few for prose. Raises
        `workers.engines.errors.EngineError`.
        """
        ...

    async def count_messages(
        self, messages: Sequence[ModelMessage], model: str = "", schema: Mapping[str, Any] | None = None
    ) -> int:
        """Return the number of tokens of the prompt that ``messages`` make, the chat template included.

        It is what `stream` would report as `Usage.prompt_tokens`, or a bound as in `count_many`. Raises
        `workers.engines.errors.EngineError`, `RequestRefused` if the template cannot render the messages.
        """
        ...

    def stream(self, request: TextRequest) -> AsyncIterator[str | Completion]:
        """Yield pieces of text as they arrive, then exactly one `Completion` with the whole text.

        Raises `workers.engines.errors.EngineError`. Closing the iterator cancels the generation.
        """
        ...

    async def cancel(self, request_id: str) -> bool:
        """Stop a generation; its stream raises `GenerationCancelled`. False if it is not known here."""
        ...

    async def statistics(self) -> Sequence[Mapping[str, Any]]:
        """Return figures for `/status` as JSON, one mapping per model; loads none.

        All keys are optional. ``model`` (str); ``loaded`` (bool, default true); ``pid`` of the process that holds the
        model, so that one that several workers share is counted once; sums since its start: ``completion_tokens``,
        ``prompt_tokens``, ``cached_tokens`` (of the prompts), ``steps`` of the batch, ``evictions``, ``swap_outs``;
        now: ``running``, ``waiting`` requests; ``servers``: one mapping per remote server with ``name``, ``healthy``,
        ``running`` and ``problem`` (str, of one that is not healthy).
        """
        ...

    async def close(self) -> None:
        """Release the model, its process or its connections."""
        ...


@runtime_checkable
class KnowsParameters(Protocol):
    """A text engine that knows how many parameters its models have."""

    async def parameters(self, model: str = "") -> int | None:
        """Return the number of parameters of a model, None if it is unknown; loads none."""
        ...


@runtime_checkable
class KnowsCosts(Protocol):
    """A text engine that knows what its answers cost, also one that was ended before it was whole."""

    async def cost_of(self, usage: Usage, model: str = "") -> float:
        """Return what that many tokens of a model cost, in US dollars, as `stream` would bill them."""
        ...


@runtime_checkable
class SeesPictures(Protocol):
    """A text engine that may have a model to which pictures can be shown."""

    @property
    def sees(self) -> bool:
        """Whether it has one, by its settings."""
        ...


async def generate(engine: TextEngine, request: TextRequest) -> Completion:
    """Run ``request`` on ``engine`` to its end and return the whole answer."""
    async for piece in engine.stream(request):
        if isinstance(piece, Completion):
            return piece
    raise AssertionError(f"engine {engine.name} ended its stream without a completion")
