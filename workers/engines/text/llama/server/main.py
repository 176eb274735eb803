"""The model process of the llama engines. See `workers.engines.processes.server`."""

from workers.engines.processes.server import serve
from workers.engines.text.llama.protocol import PROGRAM
from workers.engines.text.llama.server.service import start_service

if __name__ == "__main__":
    serve(PROGRAM.wire, start_service)
