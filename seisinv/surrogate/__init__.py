"""Surrogates: wavefields as functions of position and time that satisfy the simulator's equations.

The field is a physics-informed neural network (PINN) that is localised in overlapping subdomains: in each, a window
function times features of its own, and the products add up (a *finite-basis* PINN: Moseley, Markham & Nissen-Meyer
2023, doi 10.1007/s10444-023-10065-9). The features are sines, or plane waves, with wavenumbers drawn at random once;
only the coefficients of their sum are unknown (a *random-feature* or *extreme-learning* PINN: Dwivedi & Srinivasan
2020, doi 10.1016/j.neucom.2019.12.099). For a given model the wave equation is linear in them, and they are found by
least squares. In the time domain long durations are divided into time windows that are solved in sequence.

`PINN` solves in the time domain, `Helmholtz` at one frequency; `TrainedPINN` trains all weights by gradient descent
instead; `Eikonal` represents first-arrival traveltimes by splines.
"""

from seisinv import _deprecated
from seisinv.surrogate.eikonal import Eikonal
from seisinv.surrogate.frequency import HarmonicField, Helmholtz
from seisinv.surrogate.initial import Initial
from seisinv.surrogate.time import PINN, SurrogateAccuracy, SurrogateSimulator, Wavefield
from seisinv.surrogate.trained import PLAIN, Network, TrainedPINN, TrainedWavefield, TrainingSchedule, TrainingStep

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
    __name__, {"Recipe": "seisinv.surrogate.TrainingSchedule", "first_arrivals": "seisinv.traveltime.first_arrivals"}
)

for _name in ("of", "between"):
    _found = getattr(SurrogateAccuracy, _name).__func__
    _renamed = _deprecated.renamed(_found, f"SurrogateAccuracy.{_name}", {"bound": "max_error"})
    setattr(SurrogateAccuracy, _name, classmethod(_renamed))
_deprecated.attribute(SurrogateAccuracy, "bound", "max_error")
