"""The slow backend: the forward program interpreted with torch, one statement a line, to test other backends against.

Gradients, Born data and Hessian products come from torch's own automatic differentiation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from seisinv.backends.base import Backend, Data, Inputs, MemoryCost, Points, Setup, ShotPoints
from seisinv.symbolic import Poly, Program, Read, Set
from seisinv.symbolic.onesided import differences


class Reference(Backend):
    """Interprets the forward program; memory strategy, threads and Courant number have no effect."""

    def __init__(self, setup: Setup) -> None:
        self.program, self.layout, self.dtype = setup.derived.forward, setup.layout, setup.dtype
        self.profiles = {n: torch.as_tensor(v, dtype=self.dtype) for n, v in setup.profiles.items()}

    def forward(self, shots: Sequence[ShotPoints], at: Inputs, *, keep: bool) -> tuple[Data, Any]:
        """Run every shot; with `keep`, leave the graph of operations."""
        if not keep:
            return self._data(shots, at), None
        leaves = tuple(v.detach().requires_grad_() for v in _flat(at))
        with torch.enable_grad():
            data = self._data(shots, _like(at, leaves))
        return {n: v.detach() for n, v in data.items()}, (leaves, data)

    def gradient(self, shots: Sequence[ShotPoints], at: Inputs, data_bar: Data, *, kept: Any) -> Inputs:
        """Go back through the graph of the forward run."""
        leaves, data = kept or self.forward(shots, at, keep=True)[1]
        bars = [data_bar[n] for n in data]
        return _like(at, torch.autograd.grad(tuple(data.values()), leaves, bars, retain_graph=True))

    def born(self, shots: Sequence[ShotPoints], at: Inputs, along: Inputs) -> Data:
        """Run in forward mode."""
        change: Data = torch.func.jvp(lambda *v: self._data(shots, _like(at, v)), _flat(at), _flat(along))[1]
        return change

    def second(
        self, shots: Sequence[ShotPoints], at: Inputs, along: Inputs, data_bar: Data, data_bar_along: Data
    ) -> tuple[Inputs, Data]:
        """Run forward mode over reverse mode."""

        def pulled(data_bar: Data, *values: Tensor) -> tuple[Tensor, ...]:
            return torch.func.vjp(lambda *v: self._data(shots, _like(at, v)), *values)[1](data_bar)

        change = torch.func.jvp(pulled, (dict(data_bar), *_flat(at)), (dict(data_bar_along), *_flat(along)))[1]
        return _like(at, change), self.born(shots, at, along)

    def cost(self) -> MemoryCost:
        """Return the bytes of every product of a step, which the graph keeps: an estimate."""
        products = sum(len(m) for s in self.program.body for m, _ in s.right if not s.where)
        plane = math.prod(self.layout.shape) * self.dtype.itemsize
        return MemoryCost(len(self.program.fields) * plane, products * plane)

    def _data(self, shots: Sequence[ShotPoints], at: Inputs) -> dict[str, Tensor]:
        """Return data [shot, step, receiver] by record, made out of place, so that autograd can follow."""
        program = self.program
        data: dict[str, list[Tensor]] = {n: [] for n in program.records}
        widths = {n: max(shot[program.points[n]].count for shot in shots) for n in program.records}
        for k, shot in enumerate(shots):
            traces = self._shot(shot, at.coefficients, {n: a[k] for n, a in at.amplitudes.items()})
            for n, width in widths.items():
                whole = torch.stack(traces[n])
                data[n].append(torch.nn.functional.pad(whole, (0, width - whole.shape[1])))
        return {n: torch.stack(v) for n, v in data.items()}

    def _shot(
        self, shot: ShotPoints, coefficients: Mapping[str, Tensor], amplitudes: Mapping[str, Tensor]
    ) -> dict[str, list[Tensor]]:
        program, like = self.program, next(iter(amplitudes.values()))
        state = {f: like.new_zeros(self.layout.shape) for f in program.fields} | dict(coefficients)
        state |= self.profiles
        read = {w: self._matrix(shot[w], shot[w].weight, like) for w in set(program.points.values())}
        spread = {w: self._matrix(shot[w], shot[w].share, like) for w in set(program.points.values())}
        traces: dict[str, list[Tensor]] = {n: [] for n in program.records}
        for n in range(len(like)):
            for s in program.body:
                if not s.where:
                    state[s.left] = self._evaluate(program, s, state)
                    continue
                cells = torch.as_tensor(shot[s.where].cells)
                values = {k: v.reshape(-1)[cells] for k, v in state.items() if k in s.touches}
                for source in s.touches & set(amplitudes):
                    values[source] = spread[s.where].T @ amplitudes[source][n, : shot[s.where].count]
                out = _sum(s.right, values)
                if s.left in traces:
                    traces[s.left].append(read[s.where] @ out)
                else:
                    whole = state[s.left]
                    state[s.left] = whole.reshape(-1).index_copy(0, cells, out).reshape(whole.shape)
            for a, b in program.swaps:
                state[a], state[b] = state[b], state[a]
        return traces

    @staticmethod
    def _matrix(points: Points, entries: np.ndarray, like: Tensor) -> Tensor:
        matrix = like.new_zeros(points.count, len(points.cells))
        index = (torch.as_tensor(points.point), torch.as_tensor(points.cell))
        matrix[index] = torch.as_tensor(entries, dtype=like.dtype)
        return matrix

    def _evaluate(self, program: Program, s: Set, state: Mapping[str, Tensor]) -> Tensor:
        wide = {r.name: self._extended(program, r.name, state[r.name]) for r in s.right.reads() if not r.is_centre}
        away = {r: _moved(wide[r.name], r, program.reach) for r in s.right.reads() if not r.is_centre}
        whole = _sum(s.right, state, away)
        if not self.layout.free_surface or program.closure is None or not any(r.offset[0] for r in away):
            return whole
        rest, found = differences(program, s)
        total = _sum(rest, state, away)
        n = program.closure.rows
        top = total[:n] if isinstance(total, Tensor) else torch.zeros_like(whole[:n])
        for d in found:
            table = torch.as_tensor(program.closure.up if d.up else program.closure.down, dtype=whole.dtype)
            product = math.prod((state[r.name][: table.shape[1]] for r in d.product), start=torch.ones(()))
            factor = _sum(Poly({d.factors: d.scale}), state)
            rows = factor[:n] if isinstance(factor, Tensor) and len(factor) > 1 else factor  # a profile may be one row
            top = top + rows * torch.tensordot(table, product, 1)
        return torch.cat([top, whole[n:]])

    def _extended(self, program: Program, name: str, value: Tensor) -> Tensor:
        """Surround a field with zeros, or above a free surface with its mirror image."""
        r = program.reach
        out = torch.nn.functional.pad(value, (r, r) * value.ndim)
        if self.layout.free_surface and program.parity[name]:
            first = 0 if 0 in program.place[name] else 1
            image = program.parity[name] * torch.flip(out[r + first : 2 * r + first], (0,))
            out = torch.cat([image, out[r:]])
        return out


def _flat(at: Inputs) -> tuple[Tensor, ...]:
    return (*at.coefficients.values(), *at.amplitudes.values())


def _like(at: Inputs, values: Sequence[Tensor]) -> Inputs:
    n = len(at.coefficients)
    named = (
        dict(zip(names, part, strict=True))
        for names, part in ((at.coefficients, values[:n]), (at.amplitudes, values[n:]))
    )
    return Inputs(*named)


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
