"""The slow backend: the forward program interpreted with torch, one statement a line, to test other backends against.

Gradients, Born data and Hessian products come from torch's own automatic differentiation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from seisinv.backends.base import Backend, Inputs, MemoryCost, Points, Setup, ShotPoints
from seisinv.symbolic import Poly, Program, Read


class Reference(Backend):
    """Interprets the forward program; memory strategy, threads and Courant number have no effect."""

    def __init__(self, setup: Setup) -> None:
        self.program, self.layout, self.dtype = setup.derived.forward, setup.layout, setup.dtype
        self.profiles = {n: torch.as_tensor(v, dtype=self.dtype) for n, v in setup.profiles.items()}

    def forward(self, shots: Sequence[ShotPoints], at: Inputs, *, keep: bool) -> tuple[Tensor, Any]:
        """Run every shot; with `keep`, leave the graph of operations."""
        if not keep:
            return self._data(shots, at), None
        leaves = tuple(v.detach().requires_grad_() for v in _flat(at))
        with torch.enable_grad():
            data = self._data(shots, _like(at, leaves))
        return data.detach(), (leaves, data)

    def gradient(self, shots: Sequence[ShotPoints], at: Inputs, data_bar: Tensor, *, kept: Any) -> Inputs:
        """Go back through the graph of the forward run."""
        leaves, data = kept or self.forward(shots, at, keep=True)[1]
        return _like(at, torch.autograd.grad(data, leaves, data_bar, retain_graph=True))

    def born(self, shots: Sequence[ShotPoints], at: Inputs, along: Inputs) -> Tensor:
        """Run in forward mode."""
        return torch.func.jvp(lambda *v: self._data(shots, _like(at, v)), _flat(at), _flat(along))[1]

    def second(
        self, shots: Sequence[ShotPoints], at: Inputs, along: Inputs, data_bar: Tensor, data_bar_along: Tensor
    ) -> tuple[Inputs, Tensor]:
        """Run forward mode over reverse mode."""

        def pulled(data_bar: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
            return torch.func.vjp(lambda *v: self._data(shots, _like(at, v)), *values)[1](data_bar)

        change = torch.func.jvp(pulled, (data_bar, *_flat(at)), (data_bar_along, *_flat(along)))[1]
        return _like(at, change), self.born(shots, at, along)

    def cost(self) -> MemoryCost:
        """Return the bytes of every product of a step, which the graph keeps: an estimate."""
        products = sum(len(m) for s in self.program.body for m, _ in s.right if not s.where)
        plane = math.prod(self.layout.shape) * self.dtype.itemsize
        return MemoryCost(len(self.program.fields) * plane, products * plane)

    def _data(self, shots: Sequence[ShotPoints], at: Inputs) -> Tensor:
        """Return data [shot, step, receiver], made out of place, so that autograd can follow."""
        width = max(shot.receivers.count for shot in shots)
        data = []
        for shot, amplitudes in zip(shots, at.amplitudes, strict=True):
            traces = torch.stack(self._shot(shot, at.coefficients, amplitudes))
            data.append(torch.nn.functional.pad(traces, (0, width - shot.receivers.count)))
        return torch.stack(data)

    def _shot(self, shot: ShotPoints, coefficients: Mapping[str, Tensor], amplitudes: Tensor) -> list[Tensor]:
        program, like = self.program, amplitudes
        state = {f: like.new_zeros(self.layout.shape) for f in program.fields} | dict(coefficients)
        state |= self.profiles
        spread = {w: self._matrix(shot[w], like) for w in set(program.points.values())}
        traces = []
        for n in range(len(amplitudes)):
            for s in program.body:
                if not s.where:
                    state[s.left] = self._evaluate(program, s.right, state)
                    continue
                cells = torch.as_tensor(shot[s.where].cells)
                values = {k: v.reshape(-1)[cells] for k, v in state.items() if k in s.touches}
                if program.source in s.touches:
                    values[program.source] = spread[s.where].T @ amplitudes[n, : shot[s.where].count]
                out = _sum(s.right, values)
                if s.left == program.record:
                    traces.append(spread[s.where] @ out)
                else:
                    whole = state[s.left]
                    state[s.left] = whole.reshape(-1).index_copy(0, cells, out).reshape(whole.shape)
            for a, b in program.swaps:
                state[a], state[b] = state[b], state[a]
        return traces

    @staticmethod
    def _matrix(points: Points, like: Tensor) -> Tensor:
        matrix = like.new_zeros(points.count, len(points.cells))
        index = (torch.as_tensor(points.point), torch.as_tensor(points.cell))
        matrix[index] = torch.as_tensor(points.weight, dtype=like.dtype)
        return matrix

    def _evaluate(self, program: Program, e: Poly, state: Mapping[str, Tensor]) -> Tensor:
        wide = {r.name: self._extended(program, r.name, state[r.name]) for r in e.reads() if not r.is_centre}
        away = {r: _moved(wide[r.name], r, program.reach) for r in e.reads() if not r.is_centre}
        return _sum(e, state, away)

    def _extended(self, program: Program, name: str, value: Tensor) -> Tensor:
        """Surround a field with zeros, or above a free surface with its mirror image."""
        r = program.reach
        out = torch.nn.functional.pad(value, (r, r) * value.ndim)
        if self.layout.free_surface:
            first = 0 if 0 in program.place[name] else 1
            image = program.parity[name] * torch.flip(out[r + first : 2 * r + first], (0,))
            out = torch.cat([image, out[r:]])
        return out


def _flat(at: Inputs) -> tuple[Tensor, ...]:
    return (*at.coefficients.values(), at.amplitudes)


def _like(at: Inputs, values: Sequence[Tensor]) -> Inputs:
    return Inputs(dict(zip(at.coefficients, values[:-1], strict=True)), values[-1])


def _moved(wide: Tensor, r: Read, reach: int) -> Tensor:
    for axis, o in enumerate(r.offset):
        wide = wide.narrow(axis, reach + o, wide.shape[axis] - 2 * reach)
    return wide


def _sum(e: Poly, centre: Mapping[str, Tensor], away: Mapping[Read, Tensor] | None = None) -> Tensor:
    total: Tensor | float = 0.0
    for m, c in e:
        term: Tensor | float = float(c)
        for r, power in m:
            assert isinstance(r, Read)
            term = term * (centre[r.name] if r.is_centre else (away or {})[r]) ** power
        total = total + term
    return cast(Tensor, total)
