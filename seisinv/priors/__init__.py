"""Priors: how a model is parameterised and bounded, and which models are penalised."""

from seisinv.priors.decoder import Decoder
from seisinv.priors.learned import Learned
from seisinv.priors.penalty import Attraction, Penalty, Staged, Tikhonov, TotalVariation
from seisinv.priors.siren import Siren
from seisinv.priors.spline import CubicSpline
from seisinv.priors.unknown import Bounded, Unknown, water_mask

__all__ = [
    "Attraction",
    "Bounded",
    "CubicSpline",
    "Decoder",
    "Learned",
    "Penalty",
    "Siren",
    "Staged",
    "Tikhonov",
    "TotalVariation",
    "Unknown",
    "water_mask",
]
