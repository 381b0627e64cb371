"""Grids, models, surveys and gathers: frozen dataclasses in SI units."""

from seisinv.core.errors import (
    Argument,
    Code,
    ConfigError,
    DataError,
    GeometryError,
    KernelError,
    Message,
    ModelError,
    RunError,
    SeisinvError,
    StabilityError,
)
from seisinv.core.gathers import Gathers, Observed
from seisinv.core.grid import Grid
from seisinv.core.model import PARAMETERS, Model
from seisinv.core.simulator import Simulator
from seisinv.core.survey import Shot, Survey, TimeAxis, line
from seisinv.core.wavelet import Ricker, ricker

__all__ = [
    "PARAMETERS",
    "Argument",
    "Code",
    "ConfigError",
    "DataError",
    "Gathers",
    "GeometryError",
    "Grid",
    "KernelError",
    "Message",
    "Model",
    "ModelError",
    "Observed",
    "Ricker",
    "RunError",
    "SeisinvError",
    "Shot",
    "Simulator",
    "StabilityError",
    "Survey",
    "TimeAxis",
    "line",
    "ricker",
]
