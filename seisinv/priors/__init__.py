"""Priors: how a model is parameterised and bounded, and which models are penalised."""

from seisinv.priors.penalty import Penalty, Tikhonov, TotalVariation
from seisinv.priors.unknown import Bounded, Unknown, water_mask

__all__ = ["Bounded", "Penalty", "Tikhonov", "TotalVariation", "Unknown", "water_mask"]
