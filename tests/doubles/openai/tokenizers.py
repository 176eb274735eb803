"""How llama-server and vLLM count tokens for their clients, in the double: a token is a word, a template adds some."""

from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

PER_MESSAGE = 3
PER_PROMPT = 5


@dataclass
class TokenizerRoutes:
    """The routes of a kind of server. ``old``: a llama-server that renders and tokenises in two steps.

    ``fails`` is a status that every request for counts gets. ``texts`` are what was counted.
    """

    kind: Literal["", "llama-server", "vllm"] = ""
    window: int = 2048
    slots: int = 4
    old: bool = False
    fails: int = 0
    texts: list[Any] = field(default_factory=list[Any])

    def add_to(self, app: web.Application) -> None:
        """Add the routes that a server of this kind has."""
        if self.kind:
            app.router.add_post("/tokenize", self._tokenize)
        if self.kind == "llama-server":
            app.router.add_get("/props", self._props)
            app.router.add_post("/apply-template", self._render)
            if not self.old:
                app.router.add_post("/v1/chat/completions/input_tokens", self._count)

    def entry(self, model: str) -> dict[str, Any]:
        """Return what the list of models says of ``model``."""
        entry: dict[str, Any] = {"id": model, "object": "model", "created": 1, "owned_by": "us"}
        if self.kind == "llama-server":
            entry |= {"owned_by": "llamacpp", "meta": {"n_ctx_train": 4 * self.window, "n_vocab": 100}}
        if self.kind == "vllm":
            entry |= {"owned_by": "vllm", "max_model_len": self.window}
        return entry

    async def _props(self, http: web.Request) -> web.Response:
        assert http.query["model"]
        return web.json_response(
            {
                "default_generation_settings": {"n_ctx": self.window},
                "total_slots": self.slots,
            }
        )

    async def _tokenize(self, http: web.Request) -> web.Response:
        body = await http.json()
        self.texts.append(body)
        if self.fails:
            return web.json_response({"error": {"message": "scripted", "code": self.fails}}, status=self.fails)
        if self.kind == "vllm":
            if not body.keys() <= {"model", "prompt", "messages", "add_special_tokens", "add_generation_prompt"}:
                return web.json_response({"error": {"message": "unknown field"}}, status=400)
            count = _prompt(body["messages"]) if "messages" in body else len(body["prompt"].split())
            return web.json_response({"count": count, "max_model_len": self.window, "tokens": [7] * count})
        if not body.keys() <= {"content", "add_special", "parse_special", "with_pieces"}:
            return web.json_response({"error": {"message": "unknown field"}}, status=400)
        return web.json_response({"tokens": [7] * len(body["content"].split())})

    async def _count(self, http: web.Request) -> web.Response:
        body = await http.json()
        self.texts.append(body)
        if self.fails:
            return web.json_response({"error": {"message": "scripted", "code": self.fails}}, status=self.fails)
        return web.json_response({"object": "response.input_tokens", "input_tokens": _prompt(body["messages"])})

    async def _render(self, http: web.Request) -> web.Response:
        messages = (await http.json())["messages"]
        words = ["+ " * (PER_PROMPT + PER_MESSAGE * len(messages)), *(m["content"] for m in messages)]
        return web.json_response({"prompt": " ".join(words)})


def _prompt(messages: list[dict[str, Any]]) -> int:
    return PER_PROMPT + sum(PER_MESSAGE + len(message["content"].split()) for message in messages)
