"""Unknowns: how a model is described by the numbers that an inversion solves for, and how it is bounded."""

from seisinv.unknowns.decoder import Decoder
from seisinv.unknowns.grid import Bounded, Unknown, unknown_named, water_mask
from seisinv.unknowns.siren import Siren
from seisinv.unknowns.spline import CubicSpline

__all__ = ["Bounded", "CubicSpline", "Decoder", "Siren", "Unknown", "unknown_named", "water_mask"]
