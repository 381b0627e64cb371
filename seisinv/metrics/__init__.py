"""Measures of how near a model is to a known one: errors, structural similarity, coherence by wavenumber."""

from seisinv.metrics.errors import Metrics, mae, metrics, rmse, ssim, update_correlation
from seisinv.metrics.wavenumber import Coherence, by_depth, coherence, parted_rmse

__all__ = [
    "Coherence",
    "Metrics",
    "by_depth",
    "coherence",
    "mae",
    "metrics",
    "parted_rmse",
    "rmse",
    "ssim",
    "update_correlation",
]
