"""Long durations as a sequence of solves: the surrogate's time windows.

Every solve spans two time windows; the next one starts from the field and its rate in the middle, where they are
most accurate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seisinv.core import StabilityError
from seisinv.surrogate.features import Features, later
from seisinv.surrogate.field import ratio, rms
from seisinv.surrogate.jets import VALUE
from seisinv.surrogate.time.background import Background, forcing
from seisinv.surrogate.time.implicit import System, evaluate, right_sides
from seisinv.surrogate.time.rows import Rows

MEASURED = {"edges": ("edge",), "interfaces": ("jump", "slope")}  # kinds of rows by the name of their error
GROWTH = 10.0  # of the largest value from the first solve to a later one; more is refused


@dataclass(frozen=True, eq=False)
class March:
    """A sequence of solves, each starting from the one before.

    Parameters
    ----------
    features : Features
        Those of one solve.
    step : float, s
        Length of a time window: from the start of one solve to that of the next.
    slabs : int
        Number of time windows.
    sources : waves of point sources in constant media, per field; empty where fields start from initial ones
    edges : {"open", "wall", "absorbing"}
    """

    features: Features
    step: float
    slabs: int
    sources: tuple[tuple[Background, ...], ...]
    edges: str

    def solve(self, system: System, value: Tensor | None = None, rate: Tensor | None = None) -> list[Tensor]:
        """Return the last layer of every solve [feature, field] for a field and its rate at the start [row, field]."""
        start = later(system.rows[1].points, self.step)
        fields = len(self.sources) if value is None else value.shape[1]
        out: list[Tensor] = []
        for number in range(max(1, self.slabs - 1)):
            given = self._forcing(system.rows, number)
            if value is not None and rate is not None:
                given |= {"value": value, "rate": rate}
            out.append(system.solve(right_sides(system.rows, given, fields)))
            if number + 2 < self.slabs:
                value = evaluate(self.features, start, out[-1])
                rate = evaluate(self.features, start, out[-1], (0, 0, 1))
        return out

    def values(self, points: np.ndarray, layers: Sequence[Tensor]) -> Tensor:
        """Return the features' part of the fields at points [point, field], differentiable in the last layers."""
        number = np.clip((points[:, 2] / self.step).astype(int), 0, len(layers) - 1)
        out = torch.zeros(len(points), layers[0].shape[1], dtype=torch.float64)
        for k, a in enumerate(layers):
            here = np.flatnonzero(number == k)
            if len(here):
                values = evaluate(self.features, later(points[here], -k * self.step), a)
                out = out.index_put((torch.from_numpy(here),), values)
        return out

    def errors(self, layers: np.ndarray, rows: Sequence[Rows], frequency: float) -> dict[str, np.ndarray]:
        """Return relative errors [field] of rows of the equation, and of edges and interfaces after them.

        Parameters
        ----------
        layers : (solves, features, fields) array
        rows : Rows
            At points to which the field was not fitted.
        frequency : float, rad/s
            Highest angular frequency.
        """
        points, ends = rows[0].points, np.cumsum([len(r) for r in rows])[:-1]
        left, second, largest = [], [], []
        for number, a in enumerate(layers):
            at = later(points, number * self.step)
            given = self._forcing(rows, number)
            right = np.split(right_sides(rows, given, a.shape[1]).detach().numpy(), ends)
            left.append([r.apply(self.features, a) - b for r, b in zip(rows, right, strict=True)])
            field = [self.features.combine(points, a, o) for o in ((0, 0, 2), VALUE)]
            for shot, sources in enumerate(self.sources):
                for b in sources:
                    field[0][:, shot] += b(at, (0, 0, 2))
                    field[1][:, shot] += b(at)
            second.append(field[0] / frequency**2)
            largest.append(np.abs(field[1]).max(0))
        errors = {"equation": ratio(np.concatenate([e[0] for e in left]), np.concatenate(second))}
        for name, kinds in MEASURED.items():
            own = [n for n, r in enumerate(rows) if r.kind in kinds]
            if own:
                values = np.concatenate([e[n] for e in left for n in own])
                errors[name] = rms(values) / np.max(largest, axis=0)
        return errors

    def _forcing(self, rows: Sequence[Rows], number: int) -> dict[str, Tensor]:
        """Return the right-hand sides of the rows of one solve."""
        return forcing(rows, self.sources, number * self.step, self.edges) if self.sources else {}


def check_growth(largest: Sequence[float]) -> None:
    """Refuse fields that grow from solve to solve, as waves never do to this extent."""
    for number, value in enumerate(largest):
        if not value <= GROWTH * largest[0]:
            raise StabilityError(
                f"the field grew from {largest[0]:.2g} to {value:.2g} within {number + 1} of {len(largest)} solves; "
                "marching is unstable: pass fewer slabs or more features, or use Propagator"
            )
