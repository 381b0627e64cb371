"""Propagators: simulation of surveys as differentiable torch calls."""

import os
from functools import partial

import torch

from seisinv.backends.work import Work, counted
from seisinv.propagate.boundary import Boundary
from seisinv.propagate.memory import Automatic, Checkpointed, GradientMemory, Memory, StoreAll
from seisinv.propagate.propagator import Propagator

__all__ = [
    "Automatic",
    "Boundary",
    "Checkpointed",
    "GradientMemory",
    "Memory",
    "Propagator",
    "StoreAll",
    "Work",
    "counted",
]

if hasattr(os, "register_at_fork"):
    # The threads of torch's pool do not exist in a forked child, which would wait for them for ever.
    os.register_at_fork(after_in_child=partial(torch.set_num_threads, 1))
