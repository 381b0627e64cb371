"""The surrogate at one frequency: plane waves in subdomains, solved by least squares."""

from seisinv.surrogate.frequency.harmonic import HarmonicField
from seisinv.surrogate.frequency.helmholtz import Helmholtz

__all__ = ["HarmonicField", "Helmholtz"]
