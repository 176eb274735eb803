"""Whether this build of llama.cpp survives the special instructions of this CPU.

A build by GCC 12 was seen to crash in its AMX code as soon as it reads several tokens of a quantised model at once.
Then all contenders run without them: no weights are arranged for special instructions.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import llama_cpp

_READ = """
import sys, llama_cpp
model = llama_cpp.Llama(sys.argv[1], n_ctx=64, n_gpu_layers=int(sys.argv[2]), n_threads=1, verbose=False)
model.eval(list(range(300, 316)))
"""


def works(model: Path, gpu_layers: int) -> bool:
    """Read a few tokens in another process, and return whether it survived."""
    command = [sys.executable, "-c", _READ, str(model), str(gpu_layers)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def do_without() -> None:
    """Make every model of this process load without them. `llama_cpp.Llama` has no parameter for it."""
    library: Any = llama_cpp.llama_cpp
    usual = library.llama_model_default_params

    def params() -> Any:
        result = usual()
        result.use_extra_bufts = False
        return result

    library.llama_model_default_params = llama_cpp.llama_model_default_params = params
