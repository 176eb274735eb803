"""Samplers by their common names. Every picture has its own, because a scheduler keeps history."""

from collections.abc import Mapping
from typing import Any

from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_ancestral_discrete import EulerAncestralDiscreteScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from diffusers.schedulers.scheduling_lcm import LCMScheduler
from diffusers.schedulers.scheduling_tcd import TCDScheduler
from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

from workers.engines.image.sdxl.server.failures import Refused

_SCHEDULERS: Mapping[str, tuple[Any, Mapping[str, object]]] = {
    "euler": (EulerDiscreteScheduler, {}),
    "euler_a": (EulerAncestralDiscreteScheduler, {}),
    "dpmpp_2m": (DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++", "solver_order": 2}),
    "dpmpp_2m_karras": (
        DPMSolverMultistepScheduler,
        {"algorithm_type": "dpmsolver++", "solver_order": 2, "use_karras_sigmas": True},
    ),
    "unipc": (UniPCMultistepScheduler, {}),
    "lcm": (LCMScheduler, {}),
    "tcd": (TCDScheduler, {}),
    # Distilled models are trained to start from pure noise and to do without guidance.
    "lightning": (EulerDiscreteScheduler, {"timestep_spacing": "trailing"}),
}
NAMES = tuple(_SCHEDULERS)
"""What ``scheduler`` of a request may be, besides "" for the model's own."""


def make_scheduler(own: Any, name: str) -> Any:
    """Return a new scheduler of that name with the noise schedule of the model's ``own``. Raises `Refused`."""
    if not name:
        return type(own).from_config(own.config)
    if name not in _SCHEDULERS:
        raise Refused(f"there is no scheduler {name!r}; there are {', '.join(NAMES)}")
    kind, options = _SCHEDULERS[name]
    return kind.from_config(own.config, **options)
