"""First-arrival traveltimes: picking, reciprocity checks, an eikonal solver with its adjoint, tomography."""

from seisinv.traveltime.autograd import first_arrivals
from seisinv.traveltime.eikonal import Arrivals, arrivals
from seisinv.traveltime.picking import Picks, pick_first_breaks
from seisinv.traveltime.reciprocity import Reciprocity, check_reciprocity, shot_delays
from seisinv.traveltime.tomography import Tomogram, Tomography

__all__ = [
    "Arrivals",
    "Picks",
    "Reciprocity",
    "Tomogram",
    "Tomography",
    "arrivals",
    "check_reciprocity",
    "first_arrivals",
    "pick_first_breaks",
    "shot_delays",
]
