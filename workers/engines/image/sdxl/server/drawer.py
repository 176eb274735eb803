"""The thread that owns the model: it takes requests, draws step by step, and is the only one to use the GPU."""

import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from workers.engines.image.classifier.server.model import Classifier
from workers.engines.image.failures import Unloadable
from workers.engines.image.sdxl.protocol import Draw, DrawingProgress, LoadedSdxl, LoadSdxl
from workers.engines.image.sdxl.server import png
from workers.engines.image.sdxl.server.batcher import Batcher, DrawingJob, Key
from workers.engines.image.sdxl.server.conditioning import Conditioner
from workers.engines.image.sdxl.server.denoiser import Denoiser, Row, redrawn_from
from workers.engines.image.sdxl.server.failures import Overloaded, Refused
from workers.engines.image.sdxl.server.finisher import Finisher
from workers.engines.image.sdxl.server.loading import Model, load_model
from workers.engines.image.sdxl.server.loras import LoraSwitch
from workers.engines.image.sdxl.server.memory import batch_for, is_exhausted
from workers.engines.image.sdxl.server.vae import Vae
from workers.engines.processes.messages import Beat, Cancel, Failed, LoadFailed, WireMessage

BEAT_S = 1.0
"""Minimum seconds between two beats."""
_log = logging.getLogger(__name__)
Emit = Callable[[WireMessage, bytes], None]


class Drawer:
    """Loads a model and draws submitted pictures in its own thread. Calls ``emit`` with answers, from any thread."""

    def __init__(self, load: LoadSdxl, emit: Emit) -> None:
        self._load = load
        self._emit = emit
        self._inbox: queue.SimpleQueue[tuple[Draw, bytes] | Cancel] = queue.SimpleQueue()
        self._beaten = 0.0
        threading.Thread(target=self._run, name="draw", daemon=True).start()

    def submit(self, draw: Draw, source: bytes) -> None:
        """Queue a picture."""
        self._inbox.put((draw, source))

    def cancel(self, cancel: Cancel) -> None:
        """Stop a picture before its next step."""
        self._inbox.put(cancel)

    def _run(self) -> None:
        began = time.monotonic()
        try:
            if self._load.threads:
                torch.set_num_threads(self._load.threads)
            model = load_model(self._load, self._beat)
            studio = Studio(self._load, model, self._emit, self._beat)
            studio.warm_up()
        except Unloadable as error:
            self._emit(LoadFailed(message=str(error)), b"")
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the parent has an answer
            _log.exception("the model cannot be loaded")
            self._emit(LoadFailed(message=f"the model cannot be loaded: {error!r}"[:500]), b"")
            return
        self._emit(
            LoadedSdxl(
                model=model.name,
                pid=os.getpid(),
                device=str(model.device),
                dtype=str(model.dtype).removeprefix("torch."),
                batch=studio.limit(Key(1024, 1024, 1, ())),
                seconds=time.monotonic() - began,
            ),
            b"",
        )
        try:
            while True:
                self._take_in(studio, wait=not studio.busy)
                studio.step()
        except BaseException:  # noqa: BLE001 - whatever it is, the process ends
            # CUDA errors are sticky: this process cannot recover.
            _log.exception("the thread that draws has failed")
            logging.shutdown()
            os._exit(1)

    def _take_in(self, studio: "Studio", *, wait: bool) -> None:
        while True:
            try:
                item = self._inbox.get(block=wait)
            except queue.Empty:
                return
            wait = False
            if isinstance(item, Cancel):
                studio.cancel(item.id)
            else:
                studio.add(*item)

    def _beat(self) -> None:
        now = time.monotonic()
        if now - self._beaten >= BEAT_S:
            self._beaten = now
            self._emit(Beat(), b"")


class Studio:
    """The loaded model and all pictures it works on."""

    def __init__(self, load: LoadSdxl, model: Model, emit: Emit, beat: Callable[[], None]) -> None:
        self._load = load
        self._model = model
        self._emit = emit
        self._beat = beat
        pipeline = model.pipeline
        self._conditioner = Conditioner(pipeline)
        self._denoiser = Denoiser(pipeline.unet, pipeline.scheduler, model.device, model.dtype)
        self._vae = Vae(pipeline.vae, model.device)
        self._loras = LoraSwitch(pipeline, Path(load.loras) if load.loras else None)
        classifier = Classifier(Path(load.classifier), model.device) if load.classifier else None
        self._finisher = Finisher(emit, classifier)
        self._batcher = Batcher(self.limit)
        self._rows: dict[int, Row] = {}
        self._limits: dict[int, int] = {}
        self._previous: Any = None
        if model.device.type == "cpu":
            # A step is slow on a CPU; these hooks report progress within it.
            for part in (*pipeline.unet.down_blocks, *pipeline.unet.up_blocks, *pipeline.vae.decoder.up_blocks):
                part.register_forward_hook(self._part_done)

    @property
    def busy(self) -> bool:
        """Whether there is anything to draw."""
        return len(self._batcher) > 0

    def limit(self, key: Key) -> int:
        """Return the maximum batch size for a kind of picture."""
        pixels = key.width * key.height
        if pixels not in self._limits:
            memory = batch_for(pixels, self._model.device, self._model.dtype)
            self._limits[pixels] = self._load.batch or memory
        return self._limits[pixels]

    def warm_up(self) -> None:
        """Draw one picture of each expected size, so that the first request is not slow."""
        for width, height in self._load.warm_up:
            plan = self._conditioner.plan(())
            draw = Draw(id=0, prompt=(), seed=0, width=width, height=height, steps=1, guidance=2)
            positive = self._conditioner.encode(plan, 1, ())
            row = self._denoiser.begin(draw, positive, self._conditioner.encode(plan, 1, (), negative=True))
            self._denoiser.step([row])
            self._vae.decode([row.latents])
            self._beat()

    def add(self, draw: Draw, source: bytes) -> None:
        """Plan a picture and queue it, or refuse it."""
        try:
            self._check(draw)
            self._loras.check(tuple((lora.name, lora.weight) for lora in draw.loras))
            job = DrawingJob(draw, self._conditioner.plan(draw.prompt), self._conditioner.plan(draw.negative), source)
        except Refused as error:
            self._emit(Failed(id=draw.id, reason="refused", message=str(error)), b"")
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
            _log.exception("a request cannot be planned")
            self._emit(Failed(id=draw.id, reason="internal", message=repr(error)[:300]), b"")
            return
        job.total = max(1, draw.steps - redrawn_from(draw))
        self._batcher.add(job)

    def cancel(self, number: int) -> None:
        """Drop a picture in any state."""
        if self._remove(number) is not None:
            self._emit(Failed(id=number, reason="cancelled"), b"")

    def step(self) -> None:
        """Advance the next batch by one step, and hand on the pictures that are finished."""
        batch = self._batcher.next_batch()
        self._tell_waiting()
        if not batch:
            return
        key = batch[0].key
        try:
            if self._loras.use(key.loras):
                self._conditioner.forget()
        except Refused as error:
            for job in batch:
                self._fail(job, "refused", str(error))
            return
        drawn = [job for job in batch if job.draw.id in self._rows or self._begin(job)]
        if not drawn:
            return
        try:
            self._denoiser.step([self._rows[job.draw.id] for job in drawn])
        except (RuntimeError, MemoryError) as error:
            if not is_exhausted(error):
                raise
            self._make_room(drawn)
            return
        self._keep_close()
        for job in drawn:
            job.done = self._rows[job.draw.id].done
            self._emit(DrawingProgress(id=job.draw.id, phase="drawing", step=job.done, steps=job.total), b"")
        self._beat()
        self._decode([job for job in drawn if self._rows[job.draw.id].finished])

    def _check(self, draw: Draw) -> None:
        if draw.width % 8 or draw.height % 8 or min(draw.width, draw.height) < 64:
            raise Refused(f"{draw.width} × {draw.height} pixels: each must be a multiple of 8, and 64 at least")
        if draw.width * draw.height > self._load.max_pixels:
            raise Refused(f"{draw.width} × {draw.height} pixels are more than {self._load.max_pixels}")

    def _begin(self, job: DrawingJob) -> bool:
        draw, key = job.draw, job.key
        self._emit(DrawingProgress(id=draw.id, phase="preparing", steps=job.total), b"")
        try:
            positive = self._conditioner.encode(job.plan, key.chunks, key.loras)
            negative = None
            if draw.guidance > 1 and draw.guidance_end > 0:
                negative = self._conditioner.encode(job.negative, key.chunks, key.loras, negative=True)
            source = None
            if draw.redraw:
                source = self._vae.encode(png.decode(job.source, draw.width, draw.height))
            self._rows[draw.id] = self._denoiser.begin(draw, positive, negative, source)
        except Refused as error:
            self._fail(job, "refused", str(error))
        except (RuntimeError, MemoryError) as error:
            if not is_exhausted(error):
                raise
            self._fail(job, "overloaded", "the memory is not enough")
        else:
            return True
        return False

    def _make_room(self, batch: Sequence[DrawingJob]) -> None:
        """Halve the batch for this size from now on, keeping all progress; fail a picture that does not fit alone."""
        draw = batch[0].draw
        if self._model.device.type == "cuda":
            torch.cuda.empty_cache()
        if len(batch) == 1:
            self._fail(batch[0], "overloaded", f"the memory is not enough for {draw.width} × {draw.height} pixels")
            return
        self._limits[draw.width * draw.height] = len(batch) // 2
        _log.warning("out of memory with %d pictures of %d × %d at a time", len(batch), draw.width, draw.height)

    def _decode(self, finished: Sequence[DrawingJob]) -> None:
        if not finished:
            return
        for job in finished:
            self._emit(DrawingProgress(id=job.draw.id, phase="finishing", step=job.total, steps=job.total), b"")
        try:
            pictures = self._vae.decode([self._rows[job.draw.id].latents for job in finished])
        except Overloaded as error:
            for job in finished:
                self._fail(job, "overloaded", str(error))
            return
        for job, pixels in zip(finished, pictures, strict=True):
            self._remove(job.draw.id)
            self._finisher.finish(job, pixels)

    def _keep_close(self) -> None:
        """Wait until the GPU is at most one step behind: it never idles, yet a cancelled picture ends soon."""
        if self._model.device.type != "cuda":
            return
        if self._previous is not None:
            self._previous.synchronize()
        self._previous = torch.cuda.Event()
        self._previous.record()

    def _tell_waiting(self) -> None:
        waiting = self._batcher.waiting()
        before = len(self._batcher) - len(waiting)
        for i, job in enumerate(waiting, before):
            if job.ahead != i:
                job.ahead = i
                self._emit(DrawingProgress(id=job.draw.id, phase="queued", steps=job.total, ahead=i), b"")

    def _fail(self, job: DrawingJob, reason: Any, message: str) -> None:
        self._remove(job.draw.id)
        self._emit(Failed(id=job.draw.id, reason=reason, message=message), b"")

    def _remove(self, number: int) -> DrawingJob | None:
        self._rows.pop(number, None)
        return self._batcher.remove(number)

    def _part_done(self, *_: object) -> None:
        self._beat()
