"""Misfits: distances between predicted and observed gathers, plain torch, additive over shots."""

from seisinv.misfit.base import Misfit, misfit_named
from seisinv.misfit.correlation import NormalisedCorrelation
from seisinv.misfit.envelope import Envelope
from seisinv.misfit.least_squares import L2, Huber
from seisinv.misfit.travel_time import TravelTime

__all__ = ["L2", "Envelope", "Huber", "Misfit", "NormalisedCorrelation", "TravelTime", "misfit_named"]
