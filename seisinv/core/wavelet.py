"""Source wavelets: functions of time that a survey samples on its own time axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisinv.core.arrays import numbers
from seisinv.core.errors import ConfigError


@dataclass(frozen=True)
class Ricker:
    """Ricker wavelet, the second derivative of a Gaussian, with unit maximum (Ricker 1953).

    w(t) = (1 − 2 a) exp(−a),  a = (π f (t − delay))²

    Parameters
    ----------
    peak : float, Hz
        Frequency f at which the amplitude spectrum is largest; 2.5 f holds all but 0.3 % of the amplitude.
    delay : float, s
        Time of the maximum.

    Examples
    --------
    >>> float(Ricker(10.0, 0.15)(0.15))
    1.0
    """

    peak: float
    delay: float

    def __call__(self, time: np.ndarray) -> np.ndarray:
        """Sample the wavelet at `time`, s.

        Parameters
        ----------
        time : array, s

        Returns
        -------
        array of the same shape
        """
        a = (np.pi * self.peak * (np.asarray(time, float) - self.delay)) ** 2
        return (1 - 2 * a) * np.exp(-a)


def ricker(peak: float, delay: float | None = None) -> Ricker:
    """Return a Ricker wavelet, which starts from rest unless another delay is given.

    Parameters
    ----------
    peak : float, Hz
        Frequency at which the amplitude spectrum is largest.
    delay : float, s, optional
        Time of the maximum; default: 1.5 / peak.

    Returns
    -------
    Ricker
        A function of time in s.

    Raises
    ------
    ConfigError
        If the frequency is not positive.

    Examples
    --------
    >>> ricker(10.0).delay
    0.15
    """
    numbers([peak] if delay is None else [peak, delay], "peak and delay", shape=(None,), error=ConfigError)
    if not peak > 0:
        raise ConfigError(f"peak is {peak:g} Hz; a Ricker wavelet needs a positive peak frequency")
    return Ricker(float(peak), 1.5 / peak if delay is None else float(delay))
