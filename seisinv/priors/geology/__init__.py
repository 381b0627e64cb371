"""Procedural geology: an endless, seeded stream of plausible velocity models."""

from seisinv.priors.geology.stream import Geology

__all__ = ["Geology"]
