"""The derived programs as torch functions: reverse and forward mode, and both on top of reverse mode.

`Simulate` maps coefficients and amplitudes to data.  Its pullback is itself a function (`Pullback`), whose own derivative
is the second-order program: the Hessian of ⟨data_bar, data⟩ is symmetric, so one program serves jvp and vjp alike.
Nothing here knows a wave equation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seisinv.backends.base import Backend, Linear, ShotPoints


class Job:
    """One call of a propagator: backend, shots, names of the coefficients, and what the forward run keeps."""

    def __init__(self, backend: Backend, shots: Sequence[ShotPoints], names: Sequence[str]) -> None:
        self.backend, self.shots, self.names = backend, shots, tuple(names)
        self.kept: object = None

    def linear(self, values: Sequence[Tensor | None], like: Sequence[Tensor]) -> Linear:
        """Collect (coefficients…, amplitudes); missing tangents are zero."""
        full = [torch.zeros_like(b) if a is None else a.contiguous() for a, b in zip(values, like, strict=True)]
        return Linear(dict(zip(self.names, full[:-1], strict=True)), full[-1])

    def flat(self, at: Linear) -> tuple[Tensor, ...]:
        """Return (coefficients…, amplitudes)."""
        return (*(at.coefficients[n] for n in self.names), at.amplitudes)


class Simulate(torch.autograd.Function):
    """(coefficients…, amplitudes) → data [shot, step, receiver]."""

    @staticmethod
    def forward(job: Job, keep: bool, *values: Tensor) -> Tensor:
        data, job.kept = job.backend.forward(job.shots, job.linear(values, values), keep=keep)
        return data

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.job, _, *values = inputs
        ctx.save_for_backward(*values)
        ctx.save_for_forward(*values)

    @staticmethod
    def backward(ctx: Any, data_bar: Tensor) -> tuple[Tensor | None, ...]:
        return (None, None, *Pullback.apply(ctx.job, data_bar, *ctx.saved_tensors))

    @staticmethod
    def jvp(ctx: Any, _job: None, _keep: None, *tangents: Tensor | None) -> Tensor:
        values = ctx.saved_tensors
        full = [torch.zeros_like(v) if t is None else t for t, v in zip(tangents, values, strict=True)]
        return Born.apply(ctx.job, len(values), *values, *full)


class Pullback(torch.autograd.Function):
    """(data_bar, coefficients…, amplitudes) → (coefficients…, amplitudes): the transposed Jacobian at work."""

    @staticmethod
    def forward(job: Job, data_bar: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        at = job.linear(values, values)
        return job.flat(job.backend.gradient(job.shots, at, data_bar.contiguous(), kept=job.kept))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
        ctx.job, *tensors = inputs
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *along: Tensor) -> tuple[Tensor | None, ...]:
        data_bar, *values = ctx.saved_tensors
        second, born = _second(ctx.job, values, along, data_bar, torch.zeros_like(data_bar))
        return (None, born, *second)

    @staticmethod
    def jvp(ctx: Any, _job: None, data_bar_along: Tensor | None, *along: Tensor | None) -> tuple[Tensor, ...]:
        data_bar, *values = ctx.saved_tensors
        change = torch.zeros_like(data_bar) if data_bar_along is None else data_bar_along
        return _second(ctx.job, values, along, data_bar, change)[0]


class Born(torch.autograd.Function):
    """(values…, tangents…) → the Jacobian applied to the tangents; differentiable once more in reverse mode."""

    @staticmethod
    def forward(job: Job, count: int, *both: Tensor) -> Tensor:
        values, along = both[:count], both[count:]
        return job.backend.born(job.shots, job.linear(values, values), job.linear(along, values))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.job, ctx.count, *both = inputs
        ctx.save_for_backward(*both)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, data_bar: Tensor) -> tuple[Tensor | None, ...]:
        both = ctx.saved_tensors
        values, along = both[: ctx.count], both[ctx.count :]
        second, _ = _second(ctx.job, values, along, data_bar, torch.zeros_like(data_bar))
        first = ctx.job.backend.gradient(
            ctx.job.shots, ctx.job.linear(values, values), data_bar.contiguous(), kept=ctx.job.kept
        )
        return (None, None, *second, *ctx.job.flat(first))


def _second(
    job: Job, values: Sequence[Tensor], along: Sequence[Tensor | None], data_bar: Tensor, change: Tensor
) -> tuple[tuple[Tensor, ...], Tensor]:
    at = job.linear(values, values)
    out, born = job.backend.second(
        job.shots, at, job.linear(along, values), data_bar.contiguous(), change.contiguous()
    )
    return job.flat(out), born
