"""The process of the classifier of pictures. See `workers.engines.processes.server`."""

import warnings

from workers.engines.image.classifier.protocol import PROGRAM, LoadPictureClassifier
from workers.engines.processes.server import Broadcast, ModelService, serve


def start_service(load: LoadPictureClassifier, broadcast: Broadcast) -> ModelService:
    """Start loading the model. See `workers.engines.processes.server.StartService`."""
    # The libraries take seconds to import; clients connect meanwhile.
    from workers.engines.image.classifier.server.service import PictureClassifierService

    return PictureClassifierService(load, broadcast)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    serve(PROGRAM.wire, start_service)
