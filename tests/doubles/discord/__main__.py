"""Run the server as a process: ``python -m tests.doubles.discord --port 0``.

The first line on standard output is a JSON object with ``api_url``, ``gateway_url``, ``control_url`` and ``token``; it
ends on SIGTERM or SIGINT.
"""

import argparse
import asyncio
import json
import signal

from aiohttp import web

from tests.doubles.discord.control import Control
from tests.doubles.discord.ratelimit import RateLimits
from tests.doubles.discord.server import DiscordServer, Settings


async def run(settings: Settings) -> None:
    """Serve until a signal comes."""
    server = DiscordServer(settings)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.start([web.post("/_control/{action}", Control(server).handle)])
    urls = {
        "api_url": server.api_url,
        "gateway_url": server.gateway_url,
        "control_url": f"{server.base_url}/_control",
        "token": server.token,
    }
    print(json.dumps(urls), flush=True)
    await stop.wait()
    await server.stop()


def main() -> None:
    """Read the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.doubles.discord", description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--message-content", action="store_true", help="grant the message content intent")
    parser.add_argument("--no-limits", action="store_true", help="no rate limits, for benchmarks")
    given = parser.parse_args()
    limits = RateLimits.off() if given.no_limits else RateLimits()
    settings = Settings(port=given.port, shards=given.shards, message_content=given.message_content, rate_limits=limits)
    asyncio.run(run(settings))


if __name__ == "__main__":
    main()
