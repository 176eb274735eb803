"""``python -m tests.doubles.telegram``: the server as a process of its own, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal

from aiohttp import web

from tests.doubles.telegram.control import Control
from tests.doubles.telegram.rules import FloodRules, Rules
from tests.doubles.telegram.server import TelegramServer


async def serve(port: int, token: str, flood: FloodRules | None) -> None:
    """Serves, prints one JSON line (api_url, control_url, token), ends at a signal."""
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    server = TelegramServer(token, Rules(flood=flood))
    await server.start(port)
    runner = web.AppRunner(Control(server).app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    control_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    print(json.dumps({"api_url": server.api_url, "control_url": control_url, "token": token}), flush=True)
    await ended.wait()
    await runner.cleanup()
    await server.stop()


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.doubles.telegram", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port of the Bot API; 0 takes a free one")
    parser.add_argument("--token", default="123456:TEST-token")
    parser.add_argument("--no-flood", action="store_true", help="no flood control")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.token, None if options.no_flood else FloodRules()))


if __name__ == "__main__":
    main()
