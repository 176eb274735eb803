"""How many pictures fit into memory at a time."""

import psutil
import torch

MOST = 16
"""Pictures in a step, whatever the memory."""
BYTES_PER_PIXEL = 2500
"""For one picture with guidance, that is for two passes through SDXL's UNet in 16 bits. Estimated, on the safe side:
should it be wrong, a step that runs out of memory is done again with half as many."""
_SHARE = 0.8


def batch_for(pixels: int, device: torch.device, dtype: torch.dtype) -> int:
    """Return how many pictures of ``pixels`` pixels fit into the free memory, at least one."""
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else psutil.virtual_memory().available
    width = torch.finfo(dtype).bits // 16
    return max(1, min(MOST, int(free * _SHARE / (BYTES_PER_PIXEL * width * pixels))))


def is_exhausted(error: BaseException) -> bool:
    """Return whether an error from torch means out of memory, on the GPU or the CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
