"""Unknowns that describe an update of the starting model, kept between the bounds by a smooth map.

    m = s + c + w e / √(w² + e²),   c = u clipped to (−0.8 r₋, 0.8 r₊),   e = u − c,   w = 0.2 r±

with s the starting model, u the update, r₊ and r₋ its room to the upper and lower bound. Within 80 % of the room m is
s + u, so that no update gives the starting model to the last bit; beyond, m approaches the bound with two continuous
derivatives and a gradient that fades like |e|⁻³, slowly enough for an optimiser to come back.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, Model
from seisinv.unknowns.grid import Bounded, Unknown

SQUASHED = 0.2  # share of the room to a bound in which updates are squashed
LEAST_ROOM = 1e-3  # SI units; where the starting model lies on a bound


class Update(Unknown):
    """Starting model plus an update; the vector itself is free, the model keeps to the bounds of `box`.

    A subclass says which update a vector stands for. The vector does not lie on the grid: there is no illumination and
    no smoothing of updates. A network's gradient may differ in its last bits from one number of threads to another.
    """

    box: Bounded

    @abc.abstractmethod
    def update(self, vector: Tensor) -> Tensor:
        """Return the update [parameter, z, x] before it is bounded, as a share of each parameter's mean."""

    @property
    def start(self) -> Model:
        """Starting model."""
        return self.box.start

    @property
    def fixed(self) -> Tensor | None:
        """The water of `box`."""
        return self.box.water

    @property
    def shape(self) -> None:
        """None: the entries do not lie on the grid."""
        return None

    @property
    def dtype(self) -> torch.dtype:
        """Floating-point type of the first unknown parameter, in which networks compute."""
        return self.start[next(iter(self.box.limits))].dtype

    @property
    def first_step(self) -> float:
        """Entries that change by it move the first parameter by 1.5 % of its mean, as on the grid."""
        return self.box.first_step * self.box.unit / self.unit

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Return ±inf [n]: no vector leads out of the model's bounds."""
        free = np.full(self.vector().shape, np.inf)
        return -free, free

    def model(self, vector: Tensor) -> Model:
        """Return the model of a vector [n], in the starting model's dtype; water keeps its starting values exactly."""
        rows = zip(self.box.limits.items(), self.box.scales, self.update(vector), strict=True)
        return self.box.outside_water(
            {n: _squashed(self.start[n].double(), row.double() * scale, limits) for (n, limits), scale, row in rows}
        )

    def within(self, model: Model) -> Model:
        """Return the nearest model within the limits of `box`, with the starting model's water."""
        return self.box.within(model)


def _squashed(start: Tensor, update: Tensor, limits: tuple[float, float]) -> Tensor:
    """Return start + update, bent below the limits; see the head of this file."""
    low, high = limits
    up, down = (high - start).clamp_min(LEAST_ROOM), (start - low).clamp_min(LEAST_ROOM)
    near = torch.minimum(torch.maximum(update, (SQUASHED - 1) * down), (1 - SQUASHED) * up)
    beyond, width = update - near, SQUASHED * torch.where(update > 0, up, down)
    bent = width * beyond / (width.square() + beyond.square()).sqrt()
    return (start + near + bent).clamp(low, high)


@dataclass(frozen=True, eq=False)
class NetworkUpdate(Update):
    """Update that a small network computes; the vector holds its weights.

    A subclass has the arguments of the network, states the shapes of its weights, and computes its output from them.
    """

    box: Bounded
    size: float

    def _set(self, box: Bounded, *, size: float, seed: int, **settings: Any) -> None:
        """Keep the arguments of the network; refuse those without layers, size or seed."""
        if not 0 < size < math.inf:
            raise ConfigError(f"size is {size:g} m/s; an update needs a positive size, such as 300")
        counts = {name: value for name, value in settings.items() if name != "omega"}
        for name, value, least in (("seed", seed, 0), *((n, v, 1) for n, v in counts.items())):
            if not isinstance(value, Integral) or value < least:
                raise ConfigError(f"{name} is {value}; a network needs a whole number of {least} or more")
        for name, value in {"box": box, "size": size, "seed": seed, **settings}.items():
            object.__setattr__(self, name, value)

    @property
    @abc.abstractmethod
    def _shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the arrays of weights, in the order in which the vector holds them."""

    @abc.abstractmethod
    def output(self, weights: Sequence[Tensor]) -> Tensor:
        """Return the output of the network [parameter, z, x], of unit size, for its arrays of weights."""

    def update(self, vector: Tensor) -> Tensor:
        """Return size × the network's output [parameter, z, x] for its weights [n], as a share of each mean."""
        parts = vector.to(self.dtype).split([math.prod(shape) for shape in self._shapes])
        weights = [part.reshape(shape) for part, shape in zip(parts, self._shapes, strict=True)]
        return self.size / self.box.unit * self.output(weights)
