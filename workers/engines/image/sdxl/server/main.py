"""The picture process. See `workers.engines.processes.server`.

A GPU error persists until its process ends: another reason for a separate process.
"""

import gc
import warnings

from workers.engines.image.sdxl.protocol import PROGRAM, LoadSdxl
from workers.engines.processes.server import Broadcast, ModelService, serve


def start_service(load: LoadSdxl, broadcast: Broadcast) -> ModelService:
    """Start loading the model. See `workers.engines.processes.server.StartService`."""
    # The libraries take seconds to import; clients connect meanwhile.
    # Garbage collection finds nothing in what they make, and takes a sixth of the time.
    gc.disable()
    try:
        from workers.engines.image.sdxl.server.service import PictureService
    finally:
        gc.freeze()
        gc.enable()

    return PictureService(load, broadcast)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    serve(PROGRAM.wire, start_service)
