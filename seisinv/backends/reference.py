"""The slow backend: programs interpreted with torch, one statement a line.  The truth in tests.

Only the forward program is ever run; gradients, Born data and Hessian products come from torch's own autograd.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from seisinv.backends.base import Inputs, Layout, Points, ShotPoints
from seisinv.symbolic import Derived, Poly, Program, Read
from seisinv.symbolic.discretise import RECORD


class Reference:
    """Interprets the forward program; see the module."""

    def __init__(self, derived: Derived, layout: Layout, profiles: Mapping[str, np.ndarray]) -> None:
        self.program, self.layout, self.profiles = derived.forward, layout, profiles

    def __call__(self, shots: Sequence[ShotPoints], at: Inputs) -> Tensor:
        """Run every shot, out of place, so that autograd can follow; return data [shot, step, receiver]."""
        width = max(shot.receivers.count for shot in shots)
        data = []
        for shot, amplitudes in zip(shots, at.amplitudes, strict=True):
            traces = torch.stack(self._shot(shot, at.coefficients, amplitudes))
            data.append(torch.nn.functional.pad(traces, (0, width - shot.receivers.count)))
        return torch.stack(data)

    def _shot(self, shot: ShotPoints, coefficients: Mapping[str, Tensor], amplitudes: Tensor) -> list[Tensor]:
        program, like = self.program, amplitudes
        state = {f: like.new_zeros(self.layout.shape) for f in program.fields} | dict(coefficients)
        state |= {n: torch.as_tensor(v, dtype=like.dtype) for n, v in self.profiles.items()}
        spread = {w: self._matrix(shot[w], like) for w in set(program.points.values())}
        traces = []
        for n in range(len(amplitudes)):
            for s in program.body:
                if not s.where:
                    state[s.left] = self._evaluate(program, s.right, state)
                    continue
                cells = torch.as_tensor(shot[s.where].cells)
                values = {k: v.reshape(-1)[cells] for k, v in state.items() if k in s.touches}
                for name in s.touches & {p for p, w in program.points.items() if w == s.where and p != RECORD}:
                    values[name] = spread[s.where].T @ amplitudes[n, : shot[s.where].count]
                out = _pointwise(s.right, values)
                if s.left == RECORD:
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
        total = torch.zeros(self.layout.shape, dtype=state[program.fields[0]].dtype)
        for m, c in e:
            term: Tensor | float = float(c)
            for r, power in m:
                assert isinstance(r, Read)
                term = term * (_moved(wide[r.name], r, program.reach) if not r.is_centre else state[r.name]) ** power
            total = total + term
        return total

    def _extended(self, program: Program, name: str, value: Tensor) -> Tensor:
        """Surround a field with zeros, or above a free surface with its mirror image."""
        r = program.reach
        out = torch.nn.functional.pad(value, (r, r) * value.ndim)
        if self.layout.free_surface and value.shape[0] > 1:
            first = 0 if 0 in program.place[name] else 1
            image = program.parity[name] * torch.flip(out[r + first : 2 * r + first], (0,))
            out = torch.cat([image, out[r:]])
        return out


def _moved(wide: Tensor, r: Read, reach: int) -> Tensor:
    for axis, o in enumerate(r.offset):
        wide = wide.narrow(axis, reach + o, wide.shape[axis] - 2 * reach)
    return wide


def _pointwise(e: Poly, values: Mapping[str, Tensor]) -> Tensor:
    total: Tensor | float = 0.0
    for m, c in e:
        term: Tensor | float = float(c)
        for r, power in m:
            assert isinstance(r, Read)
            term = term * values[r.name] ** power
        total = total + term
    assert isinstance(total, Tensor)
    return total
