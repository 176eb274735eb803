"""llama.cpp's own server in a process of its own: `python llama_server.py MODEL` prints its URL and lives until EOF.

It comes from the wheel xllamacpp. A crash of it, or of the tests, takes nothing else along.
"""

import importlib
import os
import sys
from typing import Any, cast


def main() -> None:
    """Serve the model until stdin closes."""
    # A compiled module without types.
    xllamacpp = cast("Any", importlib.import_module("xllamacpp"))
    params = xllamacpp.CommonParams()
    params.model.path = sys.argv[1]
    params.model_alias = {"tiny"}
    params.n_ctx = 4 * 4096
    params.n_parallel = 4
    params.cpuparams.n_threads = 2
    params.ui = False
    params.warmup = False
    server = xllamacpp.Server(params)
    sys.stdout.write(f"{server.listening_address}/v1\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
