"""The derived programs as torch functions: reverse and forward mode, and both on top of reverse mode.

`Simulate` maps coefficients and amplitudes to data.  Its pullback is itself a function (`Pullback`), whose own
derivative is the second-order program: the Hessian of ⟨data_bar, data⟩ is symmetric, so one program serves jvp and vjp.
Nothing here knows a wave equation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from seisinv.backends.base import Backend, Data, Inputs, ShotPoints

Value = TypeVar("Value")


class Simulation:
    """One call of a propagator: backend, shots, names of the tensors, and what the forward run keeps."""

    def __init__(
        self,
        backend: Backend,
        shots: Sequence[ShotPoints],
        coefficients: Sequence[str],
        sources: Sequence[str],
        records: Sequence[str],
        *,
        keep: bool,
    ) -> None:
        self.backend, self.shots, self.keep = backend, shots, keep
        self.coefficients, self.sources, self.records = tuple(coefficients), tuple(sources), tuple(records)
        self.kept: object = None

    def linear(self, values: Sequence[Tensor]) -> Inputs:
        """Collect (coefficients…, amplitudes…)."""
        full, n = [v.contiguous() for v in values], len(self.coefficients)
        return Inputs(
            dict(zip(self.coefficients, full[:n], strict=True)), dict(zip(self.sources, full[n:], strict=True))
        )

    def flat(self, at: Inputs) -> tuple[Tensor, ...]:
        """Return (coefficients…, amplitudes…)."""
        return (*(at.coefficients[n] for n in self.coefficients), *(at.amplitudes[n] for n in self.sources))

    def data(self, records: Sequence[Tensor]) -> Data:
        """Collect (records…)."""
        return {n: r.contiguous() for n, r in zip(self.records, records, strict=True)}

    def each(self, data: Data) -> tuple[Tensor, ...]:
        """Return (records…)."""
        return tuple(data[n] for n in self.records)


class _OfSimulation(torch.autograd.Function):
    """A function of a simulation and of tensors, which its derivatives need."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.job, *tensors = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)


class Simulate(_OfSimulation):
    """(coefficients…, amplitudes…) → (records…) [shot, step, receiver]."""

    @staticmethod
    def forward(job: Simulation, *values: Tensor) -> tuple[Tensor, ...]:
        data, job.kept = job.backend.forward(job.shots, job.linear(values), keep=job.keep)
        return job.each(data)

    @staticmethod
    def backward(ctx: Any, *data_bar: Tensor) -> tuple[Tensor | None, ...]:
        return (None, *Pullback.apply(ctx.job, *data_bar, *ctx.saved_tensors))

    @staticmethod
    def jvp(ctx: Any, _job: None, *tangents: Tensor | None) -> tuple[Tensor, ...]:
        values = ctx.saved_tensors
        return Born.apply(ctx.job, *values, *_full(tangents, values))


class Pullback(_OfSimulation):
    """(data_bar…, coefficients…, amplitudes…) → (coefficients…, amplitudes…): the transposed Jacobian at work."""

    @staticmethod
    def forward(job: Simulation, *tensors: Tensor) -> tuple[Tensor, ...]:
        data_bar, values = _split(job, tensors)
        return job.flat(job.backend.gradient(job.shots, job.linear(values), job.data(data_bar), kept=job.kept))

    @staticmethod
    def backward(ctx: Any, *along: Tensor) -> tuple[Tensor | None, ...]:
        data_bar, values = _split(ctx.job, ctx.saved_tensors)
        second, born = _second(ctx.job, values, along, data_bar, [torch.zeros_like(d) for d in data_bar])
        return (None, *born, *second)

    @staticmethod
    def jvp(ctx: Any, _job: None, *tangents: Tensor | None) -> tuple[Tensor, ...]:
        data_bar, values = _split(ctx.job, ctx.saved_tensors)
        change, along = _split(ctx.job, tangents)
        return _second(ctx.job, values, along, data_bar, _full(change, data_bar))[0]


class Born(_OfSimulation):
    """(values…, tangents…) → the Jacobian applied to the tangents; differentiable once more in reverse mode."""

    @staticmethod
    def forward(job: Simulation, *both: Tensor) -> tuple[Tensor, ...]:
        values, along = _halves(both)
        return job.each(job.backend.born(job.shots, job.linear(values), job.linear(along)))

    @staticmethod
    def backward(ctx: Any, *data_bar: Tensor) -> tuple[Tensor | None, ...]:
        values, along = _halves(ctx.saved_tensors)
        second, _ = _second(ctx.job, values, along, data_bar, [torch.zeros_like(d) for d in data_bar])
        return (None, *second, *Pullback.apply(ctx.job, *data_bar, *values))


class Second(torch.autograd.Function):
    """(data_bar…, change…, values…, tangents…) → derivative of `Pullback`, and Born data; the last order there is."""

    @staticmethod
    def forward(job: Simulation, *tensors: Tensor) -> tuple[Tensor, ...]:
        n = len(job.records)
        data_bar, change, (values, along) = tensors[:n], tensors[n : 2 * n], _halves(tensors[2 * n :])
        second, born = job.backend.second(
            job.shots, job.linear(values), job.linear(along), job.data(data_bar), job.data(change)
        )
        return (*job.flat(second), *job.each(born))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *_: Tensor) -> None:
        raise NotImplementedError("third derivatives of a simulation are not available; detach the second ones")


def _second(
    job: Simulation,
    values: Sequence[Tensor],
    along: Sequence[Tensor | None],
    data_bar: Sequence[Tensor],
    change: Sequence[Tensor],
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    out = Second.apply(job, *data_bar, *change, *values, *_full(along, values))
    return tuple(out[: len(values)]), tuple(out[len(values) :])


def _split(job: Simulation, tensors: Sequence[Value]) -> tuple[Sequence[Value], Sequence[Value]]:
    """Take (records…, values…) apart."""
    n = len(job.records)
    return tensors[:n], tensors[n:]


def _halves(both: Sequence[Tensor]) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    return both[: len(both) // 2], both[len(both) // 2 :]


def _full(along: Sequence[Tensor | None], values: Sequence[Tensor]) -> list[Tensor]:
    return [torch.zeros_like(v) if t is None else t for t, v in zip(along, values, strict=True)]
