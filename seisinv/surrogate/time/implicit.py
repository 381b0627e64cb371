"""Least-squares solutions as differentiable functions of the model, by implicit differentiation.

For a = argmin ‖A a − b‖ with λ = (AᵀA)⁻¹ ā, where ā is the derivative of an objective in a (Golub & Pereyra 1973):

    dJ = (A λ)ᵀ (db − dA a) + (b − A a)ᵀ dA λ

One more solve with the kept factorisation gives the derivative in every factor of every row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from seisinv.surrogate.features import Features
from seisinv.surrogate.jets import VALUE, Order
from seisinv.surrogate.time.rows import Rows


class Solver(Protocol):
    """A factorised matrix A."""

    def solve(self, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return least-squares solutions [column, field] and residual norms [field]."""

    def normal(self, right: np.ndarray) -> np.ndarray:
        """Return (AᵀA)⁻¹ applied to `right` [column, field]."""


@dataclass(frozen=True, eq=False)
class System:
    """Rows in features, factorised."""

    features: Features
    rows: tuple[Rows, ...]
    solver: Solver

    def solve(self, right: Tensor) -> Tensor:
        """Return the last layer [feature, field] for right-hand sides [row, field], differentiably."""
        factors = [f for r in self.rows for _, f in r.terms]
        return torch.as_tensor(_Solve.apply(self, right, *factors))


class _Solve(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, system: System, right: Tensor, *factors: Tensor) -> Tensor:
        a = torch.from_numpy(system.solver.solve(right.detach().numpy())[0])
        ctx.system = system
        ctx.save_for_backward(right, a)
        return a

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:  # type: ignore[override]
        system: System = ctx.system
        right, a = (t.detach().numpy() for t in ctx.saved_tensors)
        turned = system.solver.normal(gradients[0].detach().numpy())
        to_right, to_factors, first = [], [], 0
        for r in system.rows:
            both = r.derivatives(system.features, np.concatenate([a, turned], 1))
            here = [np.split(d, 2, axis=1) for d in both]
            f = [r.scale * factor.detach().numpy()[:, None] for _, factor in r.terms]
            left_over = right[first : first + len(r)] - sum(g * p for g, (p, _) in zip(f, here, strict=True))
            mu = sum(g * q for g, (_, q) in zip(f, here, strict=True))
            to_right.append(mu)
            to_factors += [torch.from_numpy(r.scale * (left_over * q - mu * p).sum(1)) for p, q in here]
            first += len(r)
        return None, torch.from_numpy(np.concatenate(to_right)), *to_factors


def evaluate(features: Features, points: np.ndarray, coefficients: Tensor, order: Order = VALUE) -> Tensor:
    """Return a derivative of the field at points [point, field], differentiable in the last layer."""
    return torch.as_tensor(_Evaluate.apply(features, points, order, coefficients))


class _Evaluate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Features, points: np.ndarray, order: Order, coefficients: Tensor) -> Tensor:
        ctx.where = (features, points, order)
        return torch.from_numpy(features.combine(points, coefficients.detach().numpy(), order))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:  # type: ignore[override]
        features, points, order = ctx.where
        return None, None, None, torch.from_numpy(features.transposed(points, gradients[0].detach().numpy(), order))


def right_sides(rows: Sequence[Rows], given: dict[str, Tensor], fields: int) -> Tensor:
    """Return right-hand sides [row, field] from those of some kinds, which are scaled here; others are zero."""
    parts = []
    for r in rows:
        value = given.get(r.kind)
        parts.append(torch.zeros(len(r), fields, dtype=torch.float64) if value is None else r.scale * value)
    return torch.cat(parts)
