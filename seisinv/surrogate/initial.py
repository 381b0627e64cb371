"""Fields from which waves start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from seisinv.core import ConfigError

Function: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Initial:
    """Fields from which waves start.

    Parameters
    ----------
    value : function of z and x (arrays, m), Pa
        Pressure at t = 0.
    rate : function of z and x, Pa/s, optional
        Its time derivative at t = 0; by default zero.
    """

    value: Function
    rate: Function | None = None


def sample(initial: Sequence[Initial], points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values and rates [point, field]."""
    z, x = points[:, 0], points[:, 1]
    value = np.stack([np.broadcast_to(i.value(z, x), z.shape) for i in initial], axis=1)
    rate = np.stack(
        [np.zeros(len(z)) if i.rate is None else np.broadcast_to(i.rate(z, x), z.shape) for i in initial], 1
    )
    if not (np.isfinite(value).all() and np.isfinite(rate).all()):
        raise ConfigError("an initial field holds NaN or infinite values; it must be finite everywhere in the model")
    return value.astype(float), rate.astype(float)
