"""The ``openai`` engine: pictures from a server with OpenAI's images API."""

import asyncio
import base64
import binascii
import hashlib
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import openai
from openai._httpx2 import request_exceptions
from pydantic import BaseModel, ValidationError

from workers.decoding.limits import PictureLimits, PictureRefused
from workers.decoding.pictures import CleanPicture, clean_picture
from workers.engines.control import RequestRegistry
from workers.engines.errors import ContextFull, EngineError, EngineUnavailable, RequestRefused
from workers.engines.image.base import MAX_PIXELS, ImageEngine, ImageProgress, ImageRequest, Picture, PromptPart
from workers.engines.image.openai_models import model_named
from workers.engines.openai.address import ServerAddress, parse_address
from workers.engines.openai.client import open_client
from workers.engines.openai.errors import SettingNames, Trouble, judge, message_of, refused_parameter
from workers.engines.retry import RetryPolicy, retrying
from workers.engines.text.unicode import well_formed

MAX_ANSWER_BYTES = 96 * 2**20
"""Bytes of an answer: a picture of eight megapixels has at most 33 MB in base64."""
MAX_ANSWER_PIXELS = 3840 * 3840
_SIDE = 16_384
_ACCEPTED = PictureLimits(MAX_ANSWER_BYTES, MAX_ANSWER_PIXELS, side=_SIDE, min_side=1, ratio=_SIDE, out_side=_SIDE)
_OPTIONAL = frozenset({"negative_prompt", "seed", "quality", "output_format", "response_format", "safety_identifier"})
"""Parameters that are left out if a server rejects them."""
_EXTRA = frozenset({"negative_prompt", "seed"})
"""Parameters that OpenAI itself does not know."""
_POLICY_CODES = frozenset({"moderation_blocked", "content_policy_violation", "content_filter", "contentFilter"})
_POLICY_WORDS = ("safety system", "content policy", "content management policy", "content moderation")
_LITTLE, _MUCH = 20, 36
"""Below the first number of steps low effort is requested, from the second on high effort."""
_NAMES = SettingNames(
    key="STORYFORK_IMAGE_API_KEY", model="STORYFORK_IMAGE_REMOTE_MODEL", url="STORYFORK_IMAGE_BASE_URL"
)
_log = logging.getLogger(__name__)


class _Drawn(BaseModel):
    b64_json: str | None = None
    url: str | None = None


class _Answer(BaseModel):
    data: list[_Drawn]


class OpenAIImages(ImageEngine):
    """Draws with the model of a server. 429, 5xx and lost connections are retried with growing pauses.

    Unsupported parameters are left out: steps (beyond the quality they imply), guidance, scheduler, LoRAs and weights;
    negative prompt and seed if the model takes none. The picture has the nearest size that the model draws. URLs of
    pictures are never fetched; an answer with one is refused.
    """

    name = "openai"

    def __init__(
        self,
        base_url: str | ServerAddress,
        model: str,
        *,
        api_key: str = "",
        prices: Mapping[str, float] | None = None,
        max_pixels: int = MAX_PIXELS,
        timeout_s: float = 180.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        """``base_url`` is the root of the API, such as ``https://api.openai.com/v1``.

        ``prices`` are US dollars per picture by quality, "" for any other. ``timeout_s`` limits one attempt.
        """
        self.model = model
        self.max_pixels = max_pixels
        self._facts = model_named(model)
        self._prices = dict(prices or {})
        address = parse_address(base_url) if isinstance(base_url, str) else base_url
        self._secrets = (api_key, *address.secrets)
        self._retry = retry or RetryPolicy()
        self._refused: set[str] = set()
        self._running = RequestRegistry()
        self._client = open_client(address, api_key, timeout_s=timeout_s, max_bytes=MAX_ANSWER_BYTES)

    async def stream(self, request: ImageRequest) -> AsyncGenerator[ImageProgress | Picture]:
        """Yield progress, then the `Picture`. See `workers.engines.image.base.ImageEngine`."""
        body = self._body(request)
        with self._running.enter(request.id, request.deadline_s) as control:
            yield ImageProgress("preparing")
            yield ImageProgress("drawing")
            answer = await control.wait(retrying(self._retry, lambda: self._ask(body, request.source)))
            yield ImageProgress("finishing")
            drawn = await control.wait(_picture(answer))
        quality = str(body.get("quality", "")) if "quality" not in self._refused else ""
        yield Picture(
            data=drawn.data,
            width=drawn.width,
            height=drawn.height,
            seed=request.seed,
            engine=self.name,
            model=self.model,
            cost_usd=self._prices.get(quality, self._prices.get("", 0.0)),
        )

    async def cancel(self, request_id: str) -> bool:
        """Close the connection of a picture. False if it is not known here."""
        return self._running.cancel(request_id)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    def _body(self, request: ImageRequest) -> dict[str, Any]:
        """Return the request body. Raises `RequestRefused`."""
        facts = self._facts
        prompt = _text(request.prompt)
        if not prompt:
            raise RequestRefused("the prompt is empty")
        if len(prompt) > facts.prompt_chars:
            raise RequestRefused(f"the prompt has {len(prompt)} characters, {facts.prompt_chars} are possible")
        if request.source is not None and not facts.edits:
            raise RequestRefused(f"the model {self.model} does not redraw pictures")
        try:
            width, height = facts.resolutions.nearest(request.width, request.height)
        except ValueError as error:
            raise RequestRefused(str(error)) from None
        body: dict[str, Any] = {"model": self.model, "prompt": prompt, "n": 1, "size": f"{width}x{height}"}
        if facts.wants_format:
            body["response_format"] = "b64_json"
        if facts.png:
            body["output_format"] = "png"
        if facts.tells:
            body["seed"] = request.seed % 2**31
            if negative := _text(request.negative):
                body["negative_prompt"] = negative
        if facts.qualities:
            body["quality"] = facts.qualities[(request.steps >= _LITTLE) + (request.steps >= _MUCH)]
        if facts.watched and request.tenant:
            body["safety_identifier"] = hashlib.sha256(request.tenant.encode()).hexdigest()[:32]
        return body

    async def _ask(self, body: Mapping[str, Any], source: bytes | None) -> bytes:
        """Return the raw answer, learning which parameters the server rejects. Raises `Trouble` and `EngineError`."""
        while True:
            sent = {name: value for name, value in body.items() if name not in self._refused}
            try:
                return await self._post(sent, source)
            except openai.APIStatusError as error:
                parameter = refused_parameter(error)
                if error.status_code not in {400, 422} or parameter not in _OPTIONAL & sent.keys():
                    raise self._judged(error, body) from None
                _log.warning("the image server refuses %s; going on without it", parameter)
                self._refused.add(parameter)
            except openai.APIError as error:
                raise self._judged(error, body) from None

    async def _post(self, body: Mapping[str, Any], source: bytes | None) -> bytes:
        images = self._client.images.with_streaming_response
        extra = {name: body[name] for name in _EXTRA & body.keys()}
        usual: dict[str, Any] = {name: body[name] for name in body.keys() - _EXTRA}
        if source is None:
            opened = images.generate(**usual, extra_body=extra)
        else:
            opened = images.edit(**usual, image=("source.png", source, "image/png"), extra_body=extra)
        async with opened as response:
            try:
                return await response.read()
            except request_exceptions() as error:
                raise openai.APIConnectionError(request=response.http_request) from error

    def _judged(self, error: openai.APIError, body: Mapping[str, Any]) -> EngineError | Trouble:
        if isinstance(error, openai.APIStatusError):
            message = message_of(error)
            if error.code in _POLICY_CODES or any(words in message.lower() for words in _POLICY_WORDS):
                return RequestRefused("the server's safety system refuses this picture")
            if error.code == "billing_hard_limit_reached":
                return EngineUnavailable(f"the account of {_NAMES.key} has reached its limit")
        private = [body["prompt"], body.get("negative_prompt", "")]
        judged = judge(error, prompt_tokens=0, max_tokens=0, secrets=self._secrets, private=private, names=_NAMES)
        if isinstance(judged, ContextFull):
            return RequestRefused("the prompt is too long for the server's model")
        if isinstance(judged, Trouble) and judged.kind == "refused":
            # A wrong key or model: the server refuses everybody, not this picture.
            return Trouble("refused", EngineUnavailable(str(judged)))
        return judged


def _text(parts: Sequence[PromptPart]) -> str:
    return ", ".join(text for part in parts if (text := well_formed(part.text).strip()))


async def _picture(answer: bytes) -> CleanPicture:
    """Return an answer's picture as a PNG without metadata. Raises `EngineUnavailable`."""
    try:
        return await clean_picture(await asyncio.to_thread(_file, answer), _ACCEPTED)
    except PictureRefused as refusal:
        raise EngineUnavailable(f"the server's answer is no readable picture: {refusal.detail}") from None


def _file(answer: bytes) -> bytes:
    """Return the file in an answer. Slow: not for the event loop. Raises `EngineUnavailable`."""
    try:
        drawn = _Answer.model_validate_json(answer).data[0]
        if drawn.b64_json is None:
            what = "the address of a picture" if drawn.url else "nothing"
            raise EngineUnavailable(f"the server answers with {what}, not with the picture itself (b64_json)")
        return base64.b64decode(drawn.b64_json, validate=True)
    except (ValidationError, IndexError, binascii.Error):
        raise EngineUnavailable("the server's answer is not in OpenAI's form") from None
