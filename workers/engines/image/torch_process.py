"""What every process needs in which torch runs a model of pictures."""

import os
from typing import Final

LOADING_S: Final = 600.0
"""Maximum seconds of silence while a model loads: imports, and files of gigabytes on slow disks."""
VARIABLES: Final = ("MKL_", "TORCH", "PYTORCH_", "TRITON_", "XDG_CACHE_HOME")
"""How the names begin of the variables that it inherits."""
ENVIRONMENT: Final = {
    # Models are local files: no look-ups elsewhere, no telemetry.
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TQDM_DISABLE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "DIFFUSERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    # Sizes vary between batches, which would otherwise fragment the free memory.
    "PYTORCH_CUDA_ALLOC_CONF": os.environ.get("PYTORCH_CUDA_ALLOC_CONF", "expandable_segments:True"),
}
