"""Priors: how a model is parameterised and bounded, and which models are penalised."""

from seisinv.priors.learned import Learned
from seisinv.priors.penalty import Attraction, Penalty, Staged, Tikhonov, TotalVariation
from seisinv.priors.unknown import Bounded, Unknown, water_mask

__all__ = [
    "Attraction",
    "Bounded",
    "Learned",
    "Penalty",
    "Staged",
    "Tikhonov",
    "TotalVariation",
    "Unknown",
    "water_mask",
]
