"""Propagators: simulation of surveys as differentiable torch calls."""

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
