"""First-arrival traveltimes: an upwind solver with its adjoint, and a surrogate for any source and receiver."""

from seisinv.surrogate.eikonal.autograd import first_arrivals
from seisinv.surrogate.eikonal.surrogate import Eikonal
from seisinv.surrogate.eikonal.upwind import Arrivals, Linearised, arrivals

__all__ = ["Arrivals", "Eikonal", "Linearised", "arrivals", "first_arrivals"]
