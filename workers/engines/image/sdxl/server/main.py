"""The picture process. See `workers.engines.processes.server`.

A GPU error persists until its process ends: another reason for a separate process.
"""

import warnings

from workers.engines.image.sdxl.protocol import PROGRAM, LoadSdxl
from workers.engines.processes.server import Broadcast, ModelService, serve


def start_service(load: LoadSdxl, broadcast: Broadcast) -> ModelService:
    """Start loading the model. See `workers.engines.processes.server.StartService`."""
    # The libraries take seconds to import; clients connect meanwhile.
    from workers.engines.image.sdxl.server.service import PictureService

    return PictureService(load, broadcast)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    serve(PROGRAM.wire, start_service)
