"""Conditions on the surrogate's field: its equation in a model, and all rows with their points."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from seisinv.core import Model
from seisinv.physics import Physics
from seisinv.surrogate.features import Features
from seisinv.surrogate.residual import residual_of
from seisinv.surrogate.time.rows import (
    FEWER,
    PER_FEATURE,
    Rows,
    edge_rows,
    equation_rows,
    initial_rows,
    interface_rows,
    places,
)


@dataclass(frozen=True, eq=False)
class PINNProblem:
    """The rows of a physics in any model.

    Parameters
    ----------
    physics : Physics
    features : Features
    degree : int
        Of the splines through the model.
    edges : {"open", "wall", "absorbing"}
    frequency : float, rad/s
        Highest angular frequency.
    wavenumber : float, rad/m
        Largest wavenumber.
    many : bool
        Whether subdomains are many, so that fewer rows do.
    seed : int
        Of the points.
    """

    physics: Physics
    features: Features
    degree: int
    edges: str
    frequency: float
    wavenumber: float
    many: bool
    seed: int

    def rows(self, model: Model) -> tuple[Rows, ...]:
        """Return the rows; their factors follow from the model."""
        ratio = FEWER if self.many else PER_FEATURE
        points = {
            kind: places(
                self.features.partitions,
                ceil(ratio[kind] * self.features.active),
                self.seed,
                shares=None if kind == "edge" else self.features.used,
                parts=self.features.parts,
            )
            for kind in ("equation", "initial", "edge")
        }
        residual = residual_of(self.physics, model, degree=self.degree, parts=self.features.parts)
        return (
            equation_rows(residual, points["equation"], self.frequency),
            *initial_rows(points["initial"], self.frequency),
            *self._held(model, points["edge"], ratio=ratio["interface"], seed=self.seed),
        )

    def fresh(self, model: Model, points: np.ndarray, seed: int) -> list[Rows]:
        """Return rows of the equation, edges and interfaces, at points to which the field is not fitted."""
        residual = residual_of(self.physics, model, degree=self.degree, parts=self.features.parts)
        return [equation_rows(residual, points, self.frequency), *self._held(model, points, ratio=1.0, seed=seed)]

    def _held(self, model: Model, points: np.ndarray, *, ratio: float, seed: int) -> list[Rows]:
        """Return rows of edges, and of interfaces, with `ratio` points per feature beside them."""
        partitions, parts, used = self.features.partitions, self.features.parts, self.features.used
        rows = []
        if self.edges != "open":
            rows.append(edge_rows(self.edges, model, partitions=partitions, points=points, frequency=self.frequency))
        if parts is not None:
            each = np.full(len(self.features.cells), self.features.phase.shape[1]) if used is None else used
            beside = each.reshape(-1, parts.count)
            count = ceil(ratio * beside[np.count_nonzero(beside, axis=1) > 1].sum())
            rows += interface_rows(parts, partitions, count, wavenumber=self.wavenumber, seed=seed)
        return rows
