"""Backends run derived programs: a slow torch reference, and compiled C."""

from seisinv.backends.base import Backend, Layout, Linear, Points, ShotPoints

__all__ = ["Backend", "Layout", "Linear", "Points", "ShotPoints"]
