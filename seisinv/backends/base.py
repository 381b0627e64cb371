"""What a backend computes: four derived programs over many shots; and how a job is described to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """The padded grid of a job.

    Attributes
    ----------
    shape : nodes along each axis, absorbing layers included
    low, high : width of the absorbing layers before and behind each axis, cells
    free_surface : whether the first row is a free surface
    """

    shape: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    free_surface: bool


@dataclass(frozen=True, eq=False)
class Points:
    """A set of off-grid points as sums over cells: point i = Σ_k weight_k · cell_k (k in its row).

    Attributes
    ----------
    cells : (n_cells,) flat indices into the padded grid, each once
    point, cell, weight : (n_entries,) the sparse matrix [point, cell], sorted by point
    count : number of points
    """

    cells: np.ndarray
    point: np.ndarray
    cell: np.ndarray
    weight: np.ndarray
    count: int


@dataclass(frozen=True, eq=False)
class ShotPoints:
    """Where one shot's symbols live on the grid."""

    sources: Points
    receivers: Points
    number: int = 0

    def __getitem__(self, name: str) -> Points:
        return {"sources": self.sources, "receivers": self.receivers}[name]


@dataclass(frozen=True)
class MemoryCost:
    """Bytes that one shot needs: a checkpoint of the state, and the tape of one step."""

    checkpoint: int
    tape: int


class Segments(Protocol):
    """A memory strategy, as a backend sees it."""

    def segment(self, steps: int, shots: int, cost: MemoryCost) -> int:
        """Return the number of steps per segment; `steps` means that every step is kept."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """Amplitudes [shot, step, source] and coefficients by name: the input of every program."""

    coefficients: Mapping[str, Tensor]
    amplitudes: Tensor


class Backend(ABC):
    """Runs the derived programs of one physics on one layout.  Data are [shot, step, receiver]."""

    @abstractmethod
    def forward(self, shots: Sequence[ShotPoints], at: Inputs, *, keep: bool) -> tuple[Tensor, object]:
        """Return data; with `keep` also what `gradient` can use to avoid repeating the forward run."""

    @abstractmethod
    def gradient(self, shots: Sequence[ShotPoints], at: Inputs, data_bar: Tensor, *, kept: object) -> Inputs:
        """Return the transposed Jacobian applied to `data_bar`."""

    @abstractmethod
    def born(self, shots: Sequence[ShotPoints], at: Inputs, along: Inputs) -> Tensor:
        """Return the Jacobian applied to `along`."""

    @abstractmethod
    def second(
        self, shots: Sequence[ShotPoints], at: Inputs, along: Inputs, data_bar: Tensor, data_bar_along: Tensor
    ) -> tuple[Inputs, Tensor]:
        """Return the derivative of `gradient` along a direction (and along a change of data_bar), and the Born data."""
