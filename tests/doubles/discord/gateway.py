"""The gateway: sessions, their events and their resumption."""

import asyncio
import json
import secrets
import time
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import WSMsgType, web

from tests.doubles.discord import rules
from tests.doubles.discord.places import Event
from tests.doubles.discord.rules import Json
from tests.doubles.discord.state import World

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, VOICE, RESUME, RECONNECT, MEMBERS = 0, 1, 2, 3, 4, 6, 7, 8
INVALID_SESSION, HELLO, HEARTBEAT_ACK = 9, 10, 11
PRIVILEGED: Final = rules.GUILD_MEMBERS | rules.GUILD_PRESENCES


class Closed(Exception):
    """The server ends a connection with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Connection:
    """One websocket; sending never waits, a task writes."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request, *, compress: bool) -> None:
        self.socket = socket
        self.request = request
        self._compressor = zlib.compressobj() if compress else None
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write())
        self._commands: deque[float] = deque()
        self.ended_here = False
        """The server closed it; what the client's close code says about the session does not count then."""

    def send(self, text: str) -> None:
        """Send a payload."""
        self._outgoing.put_nowait(text)

    async def _write(self) -> None:
        while True:
            text = await self._outgoing.get()
            try:
                if self._compressor is None:
                    await self.socket.send_str(text)
                else:
                    data = self._compressor.compress(text.encode()) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
                    await self.socket.send_bytes(data)
            except ConnectionError:
                return

    def count_command(self) -> None:
        """Count one payload of the client against the limit of 120 a minute."""
        now = time.monotonic()
        count, seconds = rules.GATEWAY_COMMANDS
        self._commands.append(now)
        while now - self._commands[0] > seconds:
            self._commands.popleft()
        if len(self._commands) > count:
            raise Closed(4008, "Rate limited.")

    async def close(self, code: int, reason: str) -> None:
        """Close the connection."""
        self.ended_here = True
        await self.socket.close(code=code, message=reason.encode())

    def drop(self) -> None:
        """Break the connection without a word."""
        self.ended_here = True
        transport = self.request.transport
        if transport is not None:
            transport.abort()

    async def end(self) -> None:
        """Stop writing."""
        self._writer.cancel()
        await asyncio.gather(self._writer, return_exceptions=True)


@dataclass(eq=False)
class Session:
    """What outlives a connection: the numbered events of one shard."""

    shard: tuple[int, int]
    intents: int
    replay_limit: int
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    sequence: int = 0
    connection: Connection | None = None

    def __post_init__(self) -> None:
        self.events: deque[tuple[int, str]] = deque(maxlen=self.replay_limit)

    def wants(self, event: Event) -> bool:
        """Whether an event belongs to this shard and these intents."""
        if event.intents and not event.intents & self.intents:
            return False
        number, count = self.shard
        return (event.guild_id >> 22) % count == number if event.guild_id else number == 0

    def dispatch(self, name: str, data: Json) -> None:
        """Number an event, keep it for a resumption and send it if a client is there."""
        self.sequence += 1
        text = json.dumps({"op": DISPATCH, "s": self.sequence, "t": name, "d": data})
        self.events.append((self.sequence, text))
        if self.connection is not None:
            self.connection.send(text)

    def missed(self, sequence: int) -> list[str] | None:
        """The events after ``sequence``; ``None`` if they are no longer all there."""
        if sequence > self.sequence:
            raise Closed(4007, "Invalid seq.")
        kept = [text for number, text in self.events if number > sequence]
        return kept if len(kept) == self.sequence - sequence else None


class Gateway:
    """All sessions of the bot."""

    def __init__(
        self,
        world: World,
        *,
        token: str,
        shards: int,
        message_content: bool,
        heartbeat_interval: float,
        replay_limit: int,
    ) -> None:
        self.world = world
        self.url = ""
        self.silent = False
        """Alive and answering heartbeats, but events are lost."""
        self.sessions: dict[str, Session] = {}
        self.identified = 0
        self.resumed = 0
        self._token = token
        self._shards = shards
        self._message_content = message_content
        self._heartbeat_interval = heartbeat_interval
        self._replay_limit = replay_limit
        self._connections: set[Connection] = set()
        world.listeners.append(self.publish)

    def publish(self, event: Event) -> None:
        """Give an event to every session that wants it."""
        if self.silent:
            return
        for session in list(self.sessions.values()):
            if session.wants(event):
                hidden = event.redacted is not None and not session.intents & rules.MESSAGE_CONTENT
                session.dispatch(event.name, event.redacted if hidden and event.redacted else event.data)

    def connected_shards(self) -> set[int]:
        """Shards that have a session with a connection now."""
        return {s.shard[0] for s in self.sessions.values() if s.connection is not None}

    async def close(self, code: int = 4000, reason: str = "") -> None:
        """Close every connection; sessions can be resumed unless the code forbids it."""
        connections = list(self._connections)
        await asyncio.gather(*(c.close(code, reason) for c in connections))

    def drop(self) -> None:
        """Break every connection without a close frame."""
        for connection in list(self._connections):
            connection.drop()

    async def reconnect(self) -> None:
        """Ask every client to reconnect and resume."""
        self._tell(RECONNECT, None)

    async def invalidate(self, *, resumable: bool = False) -> None:
        """Tell every client that its session is invalid."""
        if not resumable:
            self.sessions.clear()
        self._tell(INVALID_SESSION, resumable)

    def _tell(self, op: int, data: Any) -> None:
        for connection in list(self._connections):
            connection.send(json.dumps({"op": op, "d": data, "s": None, "t": None}))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one websocket."""
        compress = request.query.get("compress")
        if compress not in (None, "zlib-stream") or request.query.get("encoding", "json") != "json":
            return web.Response(status=400, text="only JSON, plain or as zlib-stream, is spoken here")
        socket = web.WebSocketResponse(max_msg_size=4096, compress=False, timeout=2.0)
        await socket.prepare(request)
        connection = Connection(socket, request, compress=compress is not None)
        self._connections.add(connection)
        session: Session | None = None
        hello = {"heartbeat_interval": int(self._heartbeat_interval * 1000), "_trace": []}
        connection.send(json.dumps({"op": HELLO, "d": hello, "s": None, "t": None}))
        try:
            async for message in socket:
                connection.count_command()
                text = message.data if message.type is WSMsgType.TEXT else ""
                session = await self._serve(connection, session, text, version=request.query.get("v"))
        except Closed as closed:
            await connection.close(closed.code, str(closed))
        finally:
            self._connections.discard(connection)
            if session is not None and session.connection is connection:
                session.connection = None
                if socket.close_code in (1000, 1001) and not connection.ended_here:
                    self.sessions.pop(session.id, None)
            await connection.end()
            self.world.touch()
        return socket

    async def _serve(
        self, connection: Connection, session: Session | None, text: str, *, version: str | None
    ) -> Session | None:
        if version != "10":
            raise Closed(4012, "Invalid API version.")
        try:
            payload: Json = json.loads(text)
            op: int = payload["op"]
            data: Any = payload.get("d")
        except (ValueError, KeyError, TypeError):
            raise Closed(4002, "Error while decoding payload.") from None
        if op == HEARTBEAT:
            connection.send(json.dumps({"op": HEARTBEAT_ACK, "d": None, "s": None, "t": None}))
        elif op in (IDENTIFY, RESUME):
            if session is not None:
                raise Closed(4005, "Already authenticated.")
            if not isinstance(data, dict):
                raise Closed(4002, "Error while decoding payload.")
            if data.get("token") != self._token:
                raise Closed(4004, "Authentication failed.")
            return self._identify(connection, data) if op == IDENTIFY else self._resume(connection, data)
        elif session is None:
            raise Closed(4003, "Not authenticated.")
        elif op == MEMBERS:
            self._send_members(session, data)
        elif op not in (PRESENCE, VOICE):
            raise Closed(4001, "Unknown opcode.")
        return session

    def _identify(self, connection: Connection, data: Json) -> Session:
        shard: list[int] = data.get("shard") or [0, 1]
        if len(shard) != 2 or not 0 <= shard[0] < shard[1]:
            raise Closed(4010, "Invalid shard.")
        if shard[1] < self._shards:
            raise Closed(4011, "Sharding required.")
        intents = data.get("intents")
        if not isinstance(intents, int) or not 0 <= intents <= rules.ALL_INTENTS:
            raise Closed(4013, "Invalid intent(s).")
        forbidden = PRIVILEGED | (0 if self._message_content else rules.MESSAGE_CONTENT)
        if intents & forbidden:
            raise Closed(4014, "Disallowed intent(s).")
        if not data.get("properties"):
            raise Closed(4002, "Error while decoding payload.")
        for old in [s for s in self.sessions.values() if s.shard == tuple(shard) and s.connection is None]:
            del self.sessions[old.id]
        session = Session((shard[0], shard[1]), intents, self._replay_limit, connection=connection)
        self.sessions[session.id] = session
        here = [g for g in self.world.guilds.values() if g.installed]
        guilds = [g for g in here if (g.id >> 22) % shard[1] == shard[0]]
        session.dispatch(
            "READY",
            {
                "v": 10,
                "user": self.world.bot.payload() | {"mfa_enabled": True, "verified": True, "flags": 0},
                "guilds": [{"id": str(g.id), "unavailable": True} for g in guilds],
                "session_id": session.id,
                "resume_gateway_url": self.url,
                "shard": shard,
                "application": {"id": str(self.world.bot.id), "flags": 1 << 19},
                "private_channels": [],
            },
        )
        if intents & rules.GUILDS:
            for guild in guilds:
                if not guild.outage:
                    session.dispatch("GUILD_CREATE", guild.payload())
        self.identified += 1
        self.world.touch()
        return session

    def _resume(self, connection: Connection, data: Json) -> Session | None:
        session = self.sessions.get(str(data.get("session_id")))
        missed = session.missed(int(data.get("seq") or 0)) if session is not None else None
        if session is None or missed is None:
            connection.send(json.dumps({"op": INVALID_SESSION, "d": False, "s": None, "t": None}))
            return None
        if session.connection is not None:
            session.connection.drop()
        session.connection = connection
        for text in missed:
            connection.send(text)
        session.dispatch("RESUMED", {"_trace": []})
        self.resumed += 1
        self.world.touch()
        return session

    def _send_members(self, session: Session, data: Json) -> None:
        guild = self.world.guilds.get(int(data.get("guild_id") or 0))
        if guild is None:
            return
        wanted = {int(user_id) for user_id in data.get("user_ids") or []}
        query = str(data.get("query") or "").lower()
        found = [u for u in guild.members.values() if u.id in wanted or (query and u.name.lower().startswith(query))]
        chunk: Json = {
            "guild_id": str(guild.id),
            "members": [guild.member(user) for user in found],
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": [str(user_id) for user_id in wanted - {u.id for u in found}],
        }
        if data.get("nonce"):
            chunk["nonce"] = data["nonce"]
        session.dispatch("GUILD_MEMBERS_CHUNK", chunk)
