"""A web server that answers what a test gives it, byte by byte, and remembers what it was asked."""

from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.doubles.listening import listening

Answer = bytes | Callable[[str], bytes]


@dataclass
class Outside:
    """``answers`` by path; ``asked`` holds the heads of all requests. ``slow``: answers never end."""

    port: int = 0
    slow: bool = False
    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    asked: list[str] = field(default_factory=list[str])

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/feed") -> str:
        return f"http://{self.host}{path}"

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head)
        answer = self.answers.get(head.split(" ")[1], response(b"", status="404 Not Found"))
        try:
            writer.write(answer(head) if callable(answer) else answer)
            await writer.drain()
            if self.slow:
                await reader.read()
        except ConnectionError:
            pass  # whoever asked has seen enough
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


def response(body: bytes, *headers: str, status: str = "200 OK", kind: str = "application/rss+xml") -> bytes:
    """An answer without a length: it ends with the connection."""
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Type: {kind}", "Connection: close", *headers))
    return f"{head}\r\n\r\n".encode() + body


@asynccontextmanager
async def outside() -> AsyncGenerator[Outside]:
    server = Outside()
    async with listening(server.serve) as server.port:
        yield server
