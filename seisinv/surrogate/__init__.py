"""Surrogates: wavefields as functions of place and time, found from the same equations as the simulator's."""

from seisinv.surrogate.eikonal import Eikonal, first_arrivals
from seisinv.surrogate.harmonic import HarmonicField
from seisinv.surrogate.helmholtz import Helmholtz
from seisinv.surrogate.initial import Initial
from seisinv.surrogate.network import Network
from seisinv.surrogate.pinn import PINN
from seisinv.surrogate.trained import PLAIN, TrainedPINN
from seisinv.surrogate.trained_wavefield import TrainedWavefield
from seisinv.surrogate.training import Recipe, TrainingStep
from seisinv.surrogate.wavefield import Wavefield

__all__ = [
    "PINN",
    "PLAIN",
    "Eikonal",
    "HarmonicField",
    "Helmholtz",
    "Initial",
    "Network",
    "Recipe",
    "TrainedPINN",
    "TrainedWavefield",
    "TrainingStep",
    "Wavefield",
    "first_arrivals",
]
