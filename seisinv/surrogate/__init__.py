"""Surrogates: wavefields as functions of place and time, found from the same equations as the simulator's."""

from seisinv.surrogate.eikonal import Eikonal, first_arrivals
from seisinv.surrogate.harmonic import HarmonicField
from seisinv.surrogate.helmholtz import Helmholtz
from seisinv.surrogate.initial import Initial
from seisinv.surrogate.pinn import PINN
from seisinv.surrogate.wavefield import Wavefield

__all__ = ["PINN", "Eikonal", "HarmonicField", "Helmholtz", "Initial", "Wavefield", "first_arrivals"]
