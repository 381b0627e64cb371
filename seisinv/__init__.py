"""seisinv: seismic inversion with differentiable physics."""

from seisinv import (
    _deprecated,
    geology,
    inversion,
    io,
    metrics,
    misfit,
    priors,
    reconstruction,
    signal,
    surrogate,
    synthetic,
    traveltime,
    unknowns,
)
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
from seisinv.inversion import LBFGS, Adam, Inversion, invert
from seisinv.physics import Acoustic, AcousticDensity, Elastic, ElasticSH, Physics
from seisinv.propagate import Automatic, Boundary, Checkpointed, Propagator, StoreAll
from seisinv.surrogate import PINN
from seisinv.unknowns import Bounded

__version__ = "0.1.0"

__getattr__ = _deprecated.moved(__name__, {"Trust": "seisinv.surrogate.SurrogateAccuracy"})
