"""The derived programs as torch functions: reverse and forward mode, and both on top of reverse mode.

`Simulate` maps coefficients and amplitudes to data.  Its pullback is itself a function (`Pullback`), whose own
derivative is the second-order program: the Hessian of ⟨data_bar, data⟩ is symmetric, so one program serves jvp and vjp.
Nothing here knows a wave equation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from seisinv.backends.base import Backend, Inputs, ShotPoints


class Simulation:
    """One call of a propagator: backend, shots, names of the coefficients, and what the forward run keeps."""

    def __init__(self, backend: Backend, shots: Sequence[ShotPoints], names: Sequence[str], *, keep: bool) -> None:
        self.backend, self.shots, self.names, self.keep = backend, shots, tuple(names), keep
        self.kept: object = None

    def linear(self, values: Sequence[Tensor]) -> Inputs:
        """Collect (coefficients…, amplitudes)."""
        full = [v.contiguous() for v in values]
        return Inputs(dict(zip(self.names, full[:-1], strict=True)), full[-1])

    def flat(self, at: Inputs) -> tuple[Tensor, ...]:
        """Return (coefficients…, amplitudes)."""
        return (*(at.coefficients[n] for n in self.names), at.amplitudes)


class _OfSimulation(torch.autograd.Function):
    """A function of a simulation and of tensors, which its derivatives need."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.job, *tensors = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)


class Simulate(_OfSimulation):
    """(coefficients…, amplitudes) → data [shot, step, receiver]."""

    @staticmethod
    def forward(job: Simulation, *values: Tensor) -> Tensor:
        data, job.kept = job.backend.forward(job.shots, job.linear(values), keep=job.keep)
        return data

    @staticmethod
    def backward(ctx: Any, data_bar: Tensor) -> tuple[Tensor | None, ...]:
        return (None, *Pullback.apply(ctx.job, data_bar, *ctx.saved_tensors))

    @staticmethod
    def jvp(ctx: Any, _job: None, *tangents: Tensor | None) -> Tensor:
        values = ctx.saved_tensors
        return Born.apply(ctx.job, *values, *_full(tangents, values))


class Pullback(_OfSimulation):
    """(data_bar, coefficients…, amplitudes) → (coefficients…, amplitudes): the transposed Jacobian at work."""

    @staticmethod
    def forward(job: Simulation, data_bar: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        at = job.linear(values)
        return job.flat(job.backend.gradient(job.shots, at, data_bar.contiguous(), kept=job.kept))

    @staticmethod
    def backward(ctx: Any, *along: Tensor) -> tuple[Tensor | None, ...]:
        data_bar, *values = ctx.saved_tensors
        second, born = _second(ctx.job, values, along, data_bar, torch.zeros_like(data_bar))
        return (None, born, *second)

    @staticmethod
    def jvp(ctx: Any, _job: None, data_bar_along: Tensor | None, *along: Tensor | None) -> tuple[Tensor, ...]:
        data_bar, *values = ctx.saved_tensors
        change = torch.zeros_like(data_bar) if data_bar_along is None else data_bar_along
        return _second(ctx.job, values, along, data_bar, change)[0]


class Born(_OfSimulation):
    """(values…, tangents…) → the Jacobian applied to the tangents; differentiable once more in reverse mode."""

    @staticmethod
    def forward(job: Simulation, *both: Tensor) -> Tensor:
        values, along = _halves(both)
        return job.backend.born(job.shots, job.linear(values), job.linear(along))

    @staticmethod
    def backward(ctx: Any, data_bar: Tensor) -> tuple[Tensor | None, ...]:
        values, along = _halves(ctx.saved_tensors)
        second, _ = _second(ctx.job, values, along, data_bar, torch.zeros_like(data_bar))
        return (None, *second, *Pullback.apply(ctx.job, data_bar, *values))


class Second(torch.autograd.Function):
    """(data_bar, its change, values…, tangents…) → derivative of `Pullback`, and Born data; the last order there is."""

    @staticmethod
    def forward(job: Simulation, data_bar: Tensor, change: Tensor, *both: Tensor) -> tuple[Tensor, ...]:
        values, along = _halves(both)
        at = job.linear(values)
        second, born = job.backend.second(job.shots, at, job.linear(along), data_bar.contiguous(), change.contiguous())
        return (*job.flat(second), born)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> None:
        raise NotImplementedError("third derivatives of a simulation are not available; detach the second ones")


def _second(
    job: Simulation, values: Sequence[Tensor], along: Sequence[Tensor | None], data_bar: Tensor, change: Tensor
) -> tuple[tuple[Tensor, ...], Tensor]:
    *second, born = Second.apply(job, data_bar, change, *values, *_full(along, values))
    return tuple(second), born


def _halves(both: Sequence[Tensor]) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    return both[: len(both) // 2], both[len(both) // 2 :]


def _full(along: Sequence[Tensor | None], values: Sequence[Tensor]) -> list[Tensor]:
    return [torch.zeros_like(v) if t is None else t for t, v in zip(along, values, strict=True)]
