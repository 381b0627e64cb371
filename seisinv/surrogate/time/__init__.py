"""The surrogate in the time domain: random features in subdomains, solved by least squares."""

from seisinv.surrogate.time.pinn import PINN
from seisinv.surrogate.time.simulator import SurrogateAccuracy, SurrogateSimulator
from seisinv.surrogate.time.wavefield import Wavefield

__all__ = ["PINN", "SurrogateAccuracy", "SurrogateSimulator", "Wavefield"]
