"""Illumination preconditioner: cells that the data see well move less, cells they see badly move more.

The diagonal h of JᵀJ (J the derivative of the processed predicted data with respect to the unknown) is what a
Gauss–Newton step divides by. One gradient with random signs v instead of residuals estimates it without bias,
h ≈ (Jᵀ v)² (compare Bekas et al. 2007, doi:10.1016/j.apnum.2007.01.003); smoothing over a fraction of a wavelength
removes the estimate's scatter. The optimiser then works on y with x = x₀ + W y,

    W = (h / h̄ + δ)^(−½),

h̄ the 95th percentile of h where the model may move, so that in y the curvature is even. W is divided by its maximum.
"""

from __future__ import annotations

import numpy as np

STABILISER = 0.01


def weights_from(h: np.ndarray, free: np.ndarray, smoothing: tuple[float, ...]) -> np.ndarray:
    """Return W (largest value 1) from an estimate of the Hessian's diagonal.

    Parameters
    ----------
    h : array [parameter, z, x]
    free : bool array, same shape
        Where the model may move.
    smoothing : one standard deviation per grid axis, in cells
    """
    sigma = (0.0, *smoothing)
    # Fixed cells hold no estimate: normalised smoothing keeps them from darkening their neighbours.
    cover = smooth(free.astype(float), sigma)
    even = np.where(free, smooth(np.where(free, h, 0.0), sigma) / np.maximum(cover, 1e-12), 0.0)
    reference = float(np.percentile(even[free], 95)) if free.any() else 0.0
    if not reference > 0:
        return np.ones_like(h)
    w = np.where(free, (even / reference + STABILISER) ** -0.5, 0.0)
    return np.where(free, w / w.max(), 1.0)


def smooth(values: np.ndarray, sigma: tuple[float, ...]) -> np.ndarray:
    """Gaussian smoothing with mirrored edges, a symmetric linear map; sigma in cells, one per axis."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(values, sigma, mode="reflect", truncate=4.0)
