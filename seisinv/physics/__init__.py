"""Wave equations; one file is one physics, and everything else is derived from its `equations()`."""

from seisinv.physics.acoustic import Acoustic
from seisinv.physics.acoustic_density import AcousticDensity
from seisinv.physics.base import Physics, halfway, wave_equation

__all__ = ["Acoustic", "AcousticDensity", "Physics", "halfway", "wave_equation"]
