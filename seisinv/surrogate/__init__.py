"""Surrogates: wavefields as functions of place and time, found from the same equations as the simulator's."""

from seisinv import _deprecated
from seisinv.surrogate.eikonal import Eikonal
from seisinv.surrogate.frequency.harmonic import HarmonicField
from seisinv.surrogate.frequency.helmholtz import Helmholtz
from seisinv.surrogate.initial import Initial
from seisinv.surrogate.time.accuracy import SurrogateAccuracy
from seisinv.surrogate.time.pinn import PINN
from seisinv.surrogate.time.simulator import SurrogateSimulator
from seisinv.surrogate.time.wavefield import Wavefield
from seisinv.surrogate.trained.network import Network
from seisinv.surrogate.trained.trained import PLAIN, TrainedPINN
from seisinv.surrogate.trained.training import TrainingSchedule, TrainingStep
from seisinv.surrogate.trained.wavefield import TrainedWavefield

__all__ = [
    "PINN",
    "PLAIN",
    "Eikonal",
    "HarmonicField",
    "Helmholtz",
    "Initial",
    "Network",
    "SurrogateAccuracy",
    "SurrogateSimulator",
    "TrainedPINN",
    "TrainedWavefield",
    "TrainingSchedule",
    "TrainingStep",
    "Wavefield",
]

__getattr__ = _deprecated.moved(
    __name__,
    {
        "Recipe": "seisinv.surrogate.TrainingSchedule",
        "first_arrivals": "seisinv.traveltime.first_arrivals",
    },
)
