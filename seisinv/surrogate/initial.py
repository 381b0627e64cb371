"""Initial fields of waves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from seisinv.core import ConfigError

Function: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Initial:
    """Pressure and its time derivative at t = 0.

    Parameters
    ----------
    value : function of z and x (arrays, m), Pa
        Pressure at t = 0.
    rate : function of z and x, Pa/s, optional
        Its time derivative at t = 0; by default zero.

    Examples
    --------
    >>> pulse = Initial(lambda z, x: np.exp(-((z - 100) ** 2 + (x - 100) ** 2) / (2 * 40**2)))
    >>> pulse.at(np.array([100.0]), np.array([100.0]))
    (array([1.]), array([0.]))
    """

    value: Function
    rate: Function | None = None

    def at(self, z: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the value, Pa, and the rate, Pa/s, at depths `z` and positions `x` in m.

        Raises
        ------
        ConfigError
            If a function returns NaN or infinite values.
        """
        found = [np.zeros(z.shape) if f is None else np.broadcast_to(f(z, x), z.shape) for f in (self.value, self.rate)]
        if not np.isfinite(found).all():
            raise ConfigError("an initial field has NaN or infinite values; it must be finite everywhere in the model")
        return found[0].astype(float), found[1].astype(float)


def sample(initial: Sequence[Initial], points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values and rates [point, field]."""
    value, rate = zip(*(i.at(points[:, 0], points[:, 1]) for i in initial), strict=True)
    return np.stack(value, axis=1), np.stack(rate, axis=1)
