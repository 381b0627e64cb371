"""A surrogate of first-arrival traveltimes for any source and receiver."""

from seisinv.surrogate.eikonal.surrogate import Eikonal

__all__ = ["Eikonal"]
