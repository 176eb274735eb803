"""LoRAs in the operator's folder: found by name, loaded once, switched between batches."""

import importlib.util
import logging
from collections import OrderedDict
from pathlib import Path
from typing import Any

from workers.engines.image.sdxl.server.failures import Refused

KEPT = 8
"""LoRAs that stay in memory; an SDXL one has 20 to 800 MB."""
MAX_AT_ONCE = 4
_log = logging.getLogger(__name__)
Loras = tuple[tuple[str, float], ...]


class LoraSwitch:
    """Activates the LoRAs that the next step needs."""

    def __init__(self, pipeline: Any, folder: Path | None) -> None:
        self._pipeline = pipeline
        self._folder = folder
        self._loaded: OrderedDict[str, str] = OrderedDict()
        self._names = 0
        self.active: Loras = ()

    def check(self, wanted: Loras) -> None:
        """Raise `Refused` if these LoRAs cannot be used together or one is missing."""
        if wanted and importlib.util.find_spec("peft") is None:
            raise Refused("there can be no LoRAs here: peft is not installed (extra: gpu)")
        if len(wanted) > MAX_AT_ONCE:
            raise Refused(f"{len(wanted)} LoRAs, {MAX_AT_ONCE} are possible")
        if len({name for name, _ in wanted}) < len(wanted):
            raise Refused("the same LoRA is asked for more than once")
        for name, weight in wanted:
            if not -2 <= weight <= 2:
                raise Refused(f"the weight {weight:g} of the LoRA is not between -2 and 2")
            self._path(name)

    def use(self, wanted: Loras) -> bool:
        """Activate ``wanted``; True if anything changed. Raises `Refused` for a file that does not fit the model."""
        if wanted == self.active:
            return False
        if not wanted:
            self._pipeline.disable_lora()
        else:
            adapters = [self._load(name) for name, _ in wanted]
            self._pipeline.enable_lora()
            self._pipeline.set_adapters(adapters, adapter_weights=[weight for _, weight in wanted])
        self.active = wanted
        return True

    def _load(self, name: str) -> str:
        if name in self._loaded:
            self._loaded.move_to_end(name)
            return self._loaded[name]
        path = self._path(name)
        self._names += 1
        # Adapter names become parts of module names, which cannot contain dots.
        adapter = f"lora{self._names}"
        try:
            self._pipeline.load_lora_weights(
                str(path.parent), weight_name=path.name, adapter_name=adapter, local_files_only=True,
                use_safetensors=True,
            )  # fmt: skip
        except Exception as error:
            _log.warning("LoRA %s: %r", name, error)
            raise Refused(f"the LoRA {name!r} does not fit this model") from error
        self._loaded[name] = adapter
        while len(self._loaded) > KEPT:
            _, oldest = self._loaded.popitem(last=False)
            self._pipeline.delete_adapters(oldest)
        return adapter

    def _path(self, name: str) -> Path:
        if self._folder is None:
            raise Refused("there are no LoRAs here")
        # A name is a file directly in that folder, never a path out of it.
        path = self._folder / f"{name}.safetensors"
        if not name or path.parent != self._folder or path.name.startswith(".") or not path.is_file():
            raise Refused(f"there is no LoRA {name!r}")
        return path
