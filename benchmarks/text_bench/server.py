"""llama.cpp's own server: as a program or from the wheel ``xllamacpp``, over HTTP or called in its process."""

import asyncio
import functools
import json
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.text_bench.chats import MIN_P, TEMPERATURE, TOP_K, TOP_P, Answer, Chat, Language, Prompt
from benchmarks.text_bench.contender import Child, Contender, Room, Start, in_child, now
from workers.engines.text.llama.protocol import Statistics

_READY_S = 120.0


def _sampling(prompt: Prompt) -> dict[str, Any]:
    return {
        "prompt": list(prompt.tokens),
        "stream": True,
        "cache_prompt": True,
        "temperature": TEMPERATURE,
        "top_k": TOP_K,
        "top_p": TOP_P,
        "min_p": MIN_P,
        "samplers": ["top_k", "top_p", "min_p", "temperature"],
        "seed": prompt.seed,
    }


class InProcess:
    """The wheel's server, called directly: one thread for each chat. It listens as well; ``ready`` is its address."""

    def __init__(self, model: Path, room: Room) -> None:
        """Start the server."""
        import xllamacpp

        wheel: Any = xllamacpp
        params = wheel.CommonParams()
        params.model.path = str(model)
        params.n_ctx = room.cells
        params.n_parallel = room.parallel
        params.kv_unified = True
        params.cache_prompt = True
        params.n_gpu_layers = room.gpu_layers
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = room.threads
        params.flash_attn_type = wheel.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED
        self._server: Any = wheel.Server(params)
        self.ready: str = self._server.listening_address

    def run(self, prompts: Sequence[Prompt]) -> list[Answer]:
        """Answer the prompts."""
        begin = now()
        answers: dict[int, Answer] = {}

        def work(i: int, prompt: Prompt) -> None:
            time.sleep(max(0.0, begin + prompt.at - now()))
            answers[i] = self._answer(prompt, begin + prompt.at)

        threads = [threading.Thread(target=work, args=pair) for pair in enumerate(prompts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if len(answers) < len(prompts):
            raise RuntimeError("the server did not answer everything")
        return [answers[i] for i in range(len(prompts))]

    def _answer(self, prompt: Prompt, arrived: float) -> Answer:
        text: list[str] = []
        times: list[float] = []

        def take(chunk: dict[str, Any]) -> bool:
            if "choices" not in chunk:
                raise RuntimeError(str(chunk))
            if piece := chunk["choices"][0]["text"]:
                text.append(piece)
                times.append(now())
            return len(times) == prompt.cancel_after

        self._server.handle_completions({**_sampling(prompt), "max_tokens": prompt.new}, take)
        return Answer("".join(text), arrived, tuple(times))


class OverHttp:
    """A server at an address, through its own streaming endpoint."""

    def __init__(self, address: str, session: aiohttp.ClientSession, language: Language) -> None:
        self._url = f"{address}/completion"
        self._session = session
        self._language = language

    async def run(self, chats: Sequence[Chat]) -> list[Answer]:
        """See `Contender`. Prompts are tokenised before the clock starts."""
        prompts = [self._language.prompt(chat, i) for i, chat in enumerate(chats)]
        begin = now()
        return list(await asyncio.gather(*(self._answer(prompt, begin) for prompt in prompts)))

    async def _answer(self, prompt: Prompt, begin: float) -> Answer:
        arrived = begin + prompt.at
        await asyncio.sleep(max(0.0, arrived - now()))
        text: list[str] = []
        times: list[float] = []
        body = {**_sampling(prompt), "n_predict": prompt.new}
        async with self._session.post(self._url, json=body) as response:
            response.raise_for_status()
            async for line in response.content:
                if not line.startswith(b"data: "):
                    continue
                if piece := json.loads(line[6:])["content"]:
                    text.append(piece)
                    times.append(now())
                if len(times) == prompt.cancel_after:
                    # Clients of this server cancel by disconnecting.
                    response.close()
                    break
        return Answer("".join(text), arrived, tuple(times))

    async def statistics(self) -> Statistics | None:
        """See `Contender`."""
        return None


server_inproc = in_child(InProcess)


@asynccontextmanager
async def server_http(model: Path, language: Language, room: Room) -> AsyncGenerator[Contender]:
    """Start the wheel's server, used over HTTP."""
    child = Child(InProcess, model, room)
    try:
        address = await child.ready()
        async with _session() as session:
            yield OverHttp(address, session, language)
    finally:
        await child.stop()


def server_native(program: Path) -> Start:
    """Return a function that starts a ``llama-server``, used over HTTP."""
    return functools.partial(_server_native, program)


@asynccontextmanager
async def _server_native(program: Path, model: Path, language: Language, room: Room) -> AsyncGenerator[Contender]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        str(program), "-m", str(model), "-c", str(room.cells), "-np", str(room.parallel), "-kvu", "-fa", "on",
        "-t", str(room.threads), "-tb", str(room.threads), "-ngl", str(room.gpu_layers),
        "--host", "127.0.0.1", "--port", str(port),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        async with _session() as session:
            await _healthy(session, address, lambda: process.returncode is not None)
            yield OverHttp(address, session, language)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _healthy(session: aiohttp.ClientSession, address: str, dead: Callable[[], bool]) -> None:
    until = now() + _READY_S
    while now() < until and not dead():
        try:
            async with session.get(f"{address}/health") as response:
                if response.status == 200:
                    return
        except aiohttp.ClientConnectionError:
            pass
        await asyncio.sleep(0.1)
    raise RuntimeError("llama-server does not answer")


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        timeout=aiohttp.ClientTimeout(total=None, sock_read=600),
    )
