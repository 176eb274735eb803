"""The picture process: ``python -m workers.engines.image.sdxl.server.main SOCKET PARENT_PID``.

It listens on the unix socket, says ``ready`` on standard output, serves the one connection that comes
(`workers.engines.image.sdxl.protocol`) and ends with it. CUDA may abort the process it runs in, and an error on the
GPU stays until its process ends; this one has nothing else to lose.
"""

import asyncio
import logging
import os
import sys
import warnings

from workers.engines import child
from workers.engines.image.sdxl.protocol import Cancel, Draw, Event, Load, frame, read_request

_log = logging.getLogger(__name__)


async def serve(path: str) -> None:
    """Listen on ``path`` and serve one connection to its end."""
    connected: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Future()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if connected.done():
            writer.close()
        else:
            connected.set_result((reader, writer))

    server = await asyncio.start_unix_server(accept, path)
    child.say_ready()
    reader, writer = await asyncio.wait_for(connected, child.CONNECT_S)
    server.close()
    await _converse(reader, writer)


async def _converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    # The libraries take seconds to import, the parent connects meanwhile.
    from workers.engines.image.sdxl.server.drawer import Drawer

    loop = asyncio.get_running_loop()

    def emit(event: Event, picture: bytes = b"") -> None:
        loop.call_soon_threadsafe(writer.write, frame(event, picture))

    drawer: Drawer | None = None
    while (request := await read_request(reader)) is not None:
        match request:
            case (Load() as load, _) if drawer is None:
                drawer = Drawer(load, emit)
            case (Draw() as draw, picture) if drawer is not None:
                drawer.submit(draw, picture)
            case (Cancel() as cancel, _) if drawer is not None:
                drawer.cancel(cancel)
            case _:
                raise RuntimeError("the first request must be a load, and the only one")


def main() -> None:
    """Serve until the connection ends. Never returns: a step in progress is not waited for."""
    path, parent = sys.argv[1], int(sys.argv[2])
    child.die_with_parent(parent)
    child.settle()
    warnings.simplefilter("ignore")
    code = 1
    try:
        asyncio.run(serve(path))
        code = 0
    except Exception:  # noqa: BLE001 - whatever it is, the process ends
        _log.exception("the picture process ends")
    logging.shutdown()
    os._exit(code)


if __name__ == "__main__":
    main()
