"""Priors: which models are more plausible than others; penalties, and a prior learned from procedural geology."""

from seisinv import _deprecated
from seisinv.priors.learned import Learned
from seisinv.priors.penalty import Attraction, Penalty, PlugAndPlay, Tikhonov, TotalVariation, penalty_named

__all__ = ["Attraction", "Learned", "Penalty", "PlugAndPlay", "Tikhonov", "TotalVariation", "penalty_named"]

__getattr__ = _deprecated.moved(
    __name__,
    {
        "Bounded": "seisinv.unknowns.Bounded",
        "CubicSpline": "seisinv.unknowns.CubicSpline",
        "Decoder": "seisinv.unknowns.Decoder",
        "Siren": "seisinv.unknowns.Siren",
        "geology": "seisinv.geology",
        "Staged": "seisinv.priors.PlugAndPlay",
        "Unknown": "seisinv.unknowns.Unknown",
        "water_mask": "seisinv.unknowns.water_mask",
    },
)
