"""A local Hub that speaks what the client library asks for, refuses what the real one refuses, and can misbehave.

Shapes: https://huggingface.co/docs/hub/api (model info with ``blobs=true``) and the headers of ``/resolve/``.
"""

import asyncio
import hashlib
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

LFS_FROM = 1000
"""Files of this size in bytes and more are stored as LFS, with a SHA-256."""


@dataclass
class Repository:
    """A repository: its files at one commit. ``gated`` asks for ``token``."""

    files: dict[str, bytes]
    gated: bool = False

    @property
    def commit(self) -> str:
        """The hash of the only commit."""
        return hashlib.sha1(repr(sorted(self.files.items())).encode()).hexdigest()


@dataclass
class Served:
    """One answer to a request for a file: which, from where on, and how many bytes were sent."""

    path: str
    start: int
    sent: int


@dataclass
class HubServer:
    """What the hub holds and how it misbehaves.

    ``cut_after`` closes the connection after so many bytes, each time for the next ``cuts`` files that are asked for;
    ``corrupt`` changes a byte in so many answers; ``busy`` answers so many times with 503; ``ignores_ranges`` sends
    everything from the beginning.
    """

    repositories: dict[str, Repository] = field(default_factory=dict[str, Repository])
    token: str = "hf_good"
    cut_after: int = 0
    cuts: int = 0
    corrupt: int = 0
    busy: int = 0
    ignores_ranges: bool = False
    served: list[Served] = field(default_factory=list[Served])
    url: str = ""
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen on a free local port."""
        app = web.Application()
        app.router.add_get("/api/models/{owner}/{name}/revision/{revision}", self._info)
        app.router.add_get("/{owner}/{name}/resolve/{revision}/{path:.+}", self._resolve)
        app.router.add_get("/storage/{owner}/{name}/{path:.+}", self._content)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Close all connections."""
        if self._runner is not None:
            await self._runner.cleanup()

    def _repository(self, request: web.Request) -> Repository:
        repository = self.repositories.get(f"{request.match_info['owner']}/{request.match_info['name']}")
        if repository is None:
            raise web.HTTPUnauthorized(headers={"X-Error-Code": "RepoNotFound"}, text="Repository not found")
        if repository.gated and request.headers.get("Authorization") != f"Bearer {self.token}":
            raise web.HTTPForbidden(headers={"X-Error-Code": "GatedRepo"}, text="Access is restricted")
        return repository

    async def _info(self, request: web.Request) -> web.Response:
        if self.busy:
            self.busy -= 1
            raise web.HTTPServiceUnavailable
        repository = self._repository(request)
        if request.match_info["revision"] not in {"main", repository.commit}:
            raise web.HTTPNotFound(headers={"X-Error-Code": "RevisionNotFound"}, text="Invalid rev id")
        siblings: list[dict[str, Any]] = []
        for path, data in repository.files.items():
            sibling: dict[str, Any] = {"rfilename": path}
            if request.query.get("blobs"):
                header = f"blob {len(data)}\0".encode()
                sibling |= {"size": len(data), "blobId": hashlib.sha1(header + data).hexdigest()}
                if len(data) >= LFS_FROM:
                    sibling["lfs"] = {
                        "sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130,
                    }  # fmt: skip
            siblings.append(sibling)
        name = f"{request.match_info['owner']}/{request.match_info['name']}"
        return web.json_response(
            {"id": name, "modelId": name, "sha": repository.commit, "siblings": siblings, "tags": []}
        )

    async def _resolve(self, request: web.Request) -> web.StreamResponse:
        repository = self._repository(request)
        path = request.match_info["path"]
        if request.match_info["revision"] != repository.commit:
            raise web.HTTPNotFound(headers={"X-Error-Code": "RevisionNotFound"}, text="Invalid rev id")
        if path not in repository.files:
            raise web.HTTPNotFound(headers={"X-Error-Code": "EntryNotFound"}, text="Entry not found")
        data = repository.files[path]
        headers = {"X-Repo-Commit": repository.commit, "X-Linked-Size": str(len(data))}
        if len(data) >= LFS_FROM:
            # Large files lie on another server.
            headers["X-Linked-ETag"] = f'"{hashlib.sha256(data).hexdigest()}"'
            owner, name = request.match_info["owner"], request.match_info["name"]
            raise web.HTTPFound(f"/storage/{owner}/{name}/{path}", headers=headers)
        return await self._send(request, path, data, headers)

    async def _content(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        data = self.repositories[f"{request.match_info['owner']}/{request.match_info['name']}"].files[path]
        return await self._send(request, path, data, {})

    async def _send(self, request: web.Request, path: str, data: bytes, headers: dict[str, str]) -> web.StreamResponse:
        start = 0
        if not self.ignores_ranges and (asked := request.http_range.start) is not None:
            start = asked
        if start >= len(data) > 0:
            raise web.HTTPRequestRangeNotSatisfiable
        body = data[start:]
        if self.corrupt and len(body) > 1:
            self.corrupt -= 1
            body = bytes([body[0] ^ 1]) + body[1:]
        headers = {**headers, "Accept-Ranges": "bytes", "Content-Length": str(len(body))}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        response = web.StreamResponse(status=206 if start else 200, headers=headers)
        await response.prepare(request)
        cut = self.cut_after if self.cuts and len(body) > self.cut_after else 0
        await response.write(body[:cut] if cut else body)
        self.served.append(Served(path, start, cut or len(body)))
        if cut:
            self.cuts -= 1
            await asyncio.sleep(0.05)
            if request.transport is not None:
                request.transport.close()
            return response
        await response.write_eof()
        return response
