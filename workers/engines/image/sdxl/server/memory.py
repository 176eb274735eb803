"""How many pictures fit into memory at a time."""

import psutil
import torch

MOST = 16
"""Maximum pictures in a step, however much memory is free."""
BYTES_PER_PIXEL = 2500
"""For one picture with guidance, that is, two passes through SDXL's UNet in 16 bits. A conservative estimate: if a
step runs out of memory all the same, it is repeated with half as many."""
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
