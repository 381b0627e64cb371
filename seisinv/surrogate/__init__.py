"""Surrogates: wavefields as functions of place and time, found from the same equations as the simulator's."""

from seisinv.surrogate.harmonic import HarmonicField
from seisinv.surrogate.helmholtz import Helmholtz
from seisinv.surrogate.pinn import PINN, Initial
from seisinv.surrogate.wavefield import Wavefield

__all__ = ["PINN", "HarmonicField", "Helmholtz", "Initial", "Wavefield"]
