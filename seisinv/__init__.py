"""seisinv: seismic inversion with differentiable physics."""

from seisinv import inversion, io, misfit, priors, surrogate
from seisinv.core import (
    ConfigError,
    DataError,
    Gathers,
    GeometryError,
    Grid,
    KernelError,
    Model,
    ModelError,
    Ricker,
    RunError,
    SeisinvError,
    Shot,
    StabilityError,
    Survey,
    TimeAxis,
    line,
    ricker,
)
from seisinv.inversion import LBFGS, Adam, Inversion, Trust
from seisinv.physics import Acoustic, AcousticDensity, Physics
from seisinv.propagate import Automatic, Boundary, Checkpointed, Propagator, StoreAll
from seisinv.surrogate import PINN

__version__ = "0.1.0"
