"""How the padded grid lies in memory, and what the C source needs to know of it."""

from __future__ import annotations

import ctypes
import math
from functools import cached_property

import numpy as np
import torch

from seisinv.backends.base import Layout, Points

VECTOR = 32  # bytes
I = ctypes.c_longlong


class GridStruct(ctypes.Structure):
    """`Grid` of the C source."""

    _fields_ = (("n", I * 3), ("a", I * 3), ("b", I * 3), ("s0", I), ("origin", I), ("size", I), ("surface", I))


class PointsStruct(ctypes.Structure):
    """`Points` of the C source."""

    _fields_ = (
        [("cells", I), ("points", I), ("stride", I)]
        + [(n, ctypes.c_void_p) for n in ("cell", "row", "column", "weight", "first", "source", "share")]
    )  # fmt: skip


class TeamStruct(ctypes.Structure):
    """`Team` of the C source."""

    _fields_ = (("arrived", ctypes.c_int), ("phase", ctypes.c_int), ("count", ctypes.c_int), ("bad", I))


class Frame:
    """How padded cells lie in memory: a halo of zeros around them, rows of whole vectors, a pitch from a short list."""

    def __init__(self, layout: Layout, reach: int, dtype: torch.dtype) -> None:
        self.layout, self.reach = layout, reach
        self.real = np.dtype(np.float32 if dtype == torch.float32 else np.float64)
        self.lanes = VECTOR // self.real.itemsize
        nx = layout.shape[-1]
        self.width = _round_up(nx, self.lanes)
        self.lead = _round_up(reach, 8)
        self.pitch = _pitch(self.lead + self.width, self.real.itemsize)
        outer = [n + 2 * reach for n in layout.shape[:-1]]
        self.array_shape = (*outer, self.pitch)
        strides = np.cumprod([1, self.pitch, *outer[:0:-1]])[::-1][: len(layout.shape)]
        self.strides = [int(s) for s in strides]
        cells = math.prod(self.array_shape) + self.lead + self.lanes
        self.size = _staggered(cells, self.real.itemsize)
        self.origin = sum(reach * s for s in self.strides[:-1]) + self.lead

    @cached_property
    def struct(self) -> GridStruct:
        """The frame as the C source sees it."""
        g = GridStruct(s0=self.strides[0], origin=self.origin, size=self.size, surface=self.layout.free_surface)
        for k, n in enumerate(self.layout.shape):
            last = k == len(self.layout.shape) - 1
            low, high = self.layout.low[k], self.layout.high[k]
            a = low + self.reach if low else 0
            b = n - high - self.reach if high else n
            if last:
                n = self.width
                a, b = _round_up(a, self.lanes), (b // self.lanes * self.lanes if high else n)
            g.n[k], g.a[k], g.b[k] = n, *((a, b) if a <= b else (n, n))
        return g

    def inside(self, plane: np.ndarray) -> np.ndarray:
        """Return the padded cells of a plane as a view."""
        view = plane[: math.prod(self.array_shape)].reshape(self.array_shape)
        outer = tuple(slice(self.reach, self.reach + n) for n in self.layout.shape[:-1])
        return view[(*outer, slice(self.lead, self.lead + self.layout.shape[-1]))]

    def cleared(self, plane: np.ndarray, axis: int | None) -> np.ndarray:
        """Zero a plane; in 2-D, of a memory field only the layers of its axis and as far as stencils in them can see.

        In 3-D the body for the layers of one outer axis runs through the interior of the other.
        """
        if axis is None or len(self.array_shape) == 3:
            plane[:] = 0
            return plane
        view = np.moveaxis(plane[: math.prod(self.array_shape)].reshape(self.array_shape), axis, 0)
        lead = self.lead if axis == len(self.array_shape) - 1 else self.reach
        view[: lead + self.struct.a[axis] + self.reach] = 0
        view[lead + self.struct.b[axis] - self.reach :] = 0
        plane[math.prod(self.array_shape) :] = 0
        return plane

    def offsets(self, cells: np.ndarray) -> np.ndarray:
        """Return flat cell numbers of the padded grid as offsets from its first cell in a plane."""
        index = np.unravel_index(cells, self.layout.shape)
        return sum((i * s for i, s in zip(index, self.strides, strict=True)), np.zeros_like(cells)).astype(np.int64)


class PointsArrays:
    """Sparse weights by point and by cell, held alive for the C code."""

    def __init__(self, points: Points, frame: Frame, stride: int) -> None:
        by_cell = np.argsort(points.cell, kind="stable")
        count = np.bincount(points.point, minlength=points.count)
        per_cell = np.bincount(points.cell, minlength=len(points.cells))
        self.arrays = {
            "cell": frame.offsets(points.cells),
            "row": _starts(count),
            "column": points.cell.astype(np.int64),
            "weight": points.weight.astype(frame.real),
            "first": _starts(per_cell),
            "source": points.point[by_cell].astype(np.int64),
            "share": points.share[by_cell].astype(frame.real),
        }
        pointers = {n: a.ctypes.data for n, a in self.arrays.items()}
        self.struct = PointsStruct(len(points.cells), points.count, stride, **pointers)


def _round_up(n: int, to: int) -> int:
    return -(-n // to) * to


def _pitch(cells: int, item: int) -> int:
    """Round a row up to one of few lengths, since the compiler knows it: each a multiple of a vector, about 12 % apart.

    Lengths that put many rows at the same place of a cache page are stepped over.
    """
    step = max(32, 1 << max(0, cells.bit_length() - 4))
    pitch = _round_up(cells, step)
    return pitch + 16 if pitch * item % 2048 == 0 else pitch


def _staggered(cells: int, item: int) -> int:
    """Round a plane up so that neighbouring planes start at different places of a cache page."""
    size = _round_up(cells, 64 // item)
    return size + (320 - size * item) % 4096 // item


def _starts(count: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
