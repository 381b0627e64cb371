"""What a backend computes: four derived programs over many shots; and how a task is described to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from seisinv.symbolic import Derived
from seisinv.symbolic.program import RECEIVERS, SOURCES


@dataclass(frozen=True)
class Layout:
    """The padded grid of a simulation.

    Parameters
    ----------
    shape : tuple of int
        Nodes along each axis, absorbing layers included.
    low, high : tuple of int
        Width of the absorbing layers before and behind each axis, cells.
    free_surface : bool
        Whether the first row is a free surface.

    Examples
    --------
    >>> from seisinv.core import Grid
    >>> from seisinv.propagate import Boundary
    >>> Boundary(20, free_surface=True).layout(Grid((101, 201), 10.0))
    Layout(shape=(121, 241), low=(0, 20), high=(20, 20), free_surface=True)
    """

    shape: tuple[int, ...]
    low: tuple[int, ...]
    high: tuple[int, ...]
    free_surface: bool


@dataclass(frozen=True, eq=False)
class Points:
    """A set of off-grid points as sums over cells: point i = Σ_k weight_k · cell_k (k in its row).

    Parameters
    ----------
    cells : (n_cells,) array of int
        Flat indices into the padded grid, each once.
    point, cell : (n_entries,) array of int
        Row and column of each entry of the sparse matrix [point, cell], sorted by point; `cell` counts in `cells`.
    weight : (n_entries,) array
        The entries.
    count : int
        Number of points.

    Examples
    --------
    A point half-way between the cells 7 and 8, by linear interpolation:

    >>> point = Points(np.array([7, 8]), np.array([0, 0]), np.array([0, 1]), np.array([0.5, 0.5]), count=1)
    >>> point.count
    1
    """

    cells: np.ndarray
    point: np.ndarray
    cell: np.ndarray
    weight: np.ndarray
    count: int


@dataclass(frozen=True, eq=False)
class ShotPoints:
    """Where one shot's sources and receivers are on the grid.

    Parameters
    ----------
    sources, receivers : Points
        Their positions.
    number : int
        The shot's number, for messages.

    Examples
    --------
    >>> node = Points(np.array([7]), np.array([0]), np.array([0]), np.array([1.0]), count=1)
    >>> ShotPoints(node, node, number=12)["receivers"] is node
    True
    """

    sources: Points
    receivers: Points
    number: int = 0

    def __getitem__(self, name: str) -> Points:
        return {SOURCES: self.sources, RECEIVERS: self.receivers}[name]


@dataclass(frozen=True)
class MemoryCost:
    """What one shot needs to remember for its gradient.

    Parameters
    ----------
    checkpoint : int, bytes
        The state between two steps.
    tape : int, bytes
        What the adjoint reads of one step.

    Examples
    --------
    >>> MemoryCost(checkpoint=8_000_000, tape=1_000_000).tape
    1000000
    """

    checkpoint: int
    tape: int


class Segments(Protocol):
    """A memory strategy, as a backend sees it: implement `segment`."""

    def segment(self, steps: int, shots: int, cost: MemoryCost) -> int:
        """Return the number of steps per segment; `steps` means that every step is kept."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """The input of every program, or a derivative with respect to it.

    Parameters
    ----------
    coefficients : mapping of str to tensor of the padded grid's shape
        The program's coefficients by name, in units of its step and spacing.
    amplitudes : (shot, step, source) tensor
        What the sources feed in.

    Examples
    --------
    >>> Inputs({"K": torch.ones(5, 6)}, torch.zeros(1, 10, 1)).amplitudes.shape
    torch.Size([1, 10, 1])
    """

    coefficients: Mapping[str, Tensor]
    amplitudes: Tensor


@dataclass(frozen=True, eq=False)
class Setup:
    """What a backend is built from.

    Parameters
    ----------
    derived : Derived
        The programs; their `source` and `record` name what is fed in and what is written out.
    layout : Layout
        The padded grid.
    profiles : mapping of str to array
        The profiles of the absorbing layers, shaped to broadcast over the padded grid.
    dtype : torch.dtype
        Floating-point type of all arrays.
    memory : Segments
        How gradients remember the forward run.
    threads : int or None
        Number of threads; None means torch's.
    courant : float
        Courant number, for messages.

    Examples
    --------
    >>> from dataclasses import fields
    >>> [f.name for f in fields(Setup)][:3]
    ['derived', 'layout', 'profiles']
    """

    derived: Derived
    layout: Layout
    profiles: Mapping[str, np.ndarray]
    dtype: torch.dtype
    memory: Segments
    threads: int | None
    courant: float


class Backend(ABC):
    """Runs the derived programs of one physics on one layout.

    To add one, implement all methods and put the class into `seisinv.backends.BACKENDS`.  Data are tensors
    [shot, step, receiver], zero where a shot has fewer receivers than another.

    Parameters
    ----------
    setup : Setup
        Programs, padded grid, profiles, type of numbers and memory strategy.

    Examples
    --------
    >>> from seisinv.backends import BACKENDS
    >>> sorted(BACKENDS)
    ['c', 'reference']
    """

    @abstractmethod
    def __init__(self, setup: Setup) -> None: ...

    @abstractmethod
    def forward(self, shots: Sequence[ShotPoints], at: Inputs, *, keep: bool) -> tuple[Tensor, object]:
        """Return the data of some shots at an input; with `keep` also what `gradient` can use instead of repeating it.

        `shots` says where sources and receivers are, `at` holds coefficients and amplitudes.
        """

    @abstractmethod
    def gradient(self, shots: Sequence[ShotPoints], at: Inputs, data_bar: Tensor, *, kept: object) -> Inputs:
        """Return the transposed Jacobian applied to `data_bar`; `kept` is None or what `forward` returned.

        `shots` and `at` are those of `forward`; the result has the form of `at`.
        """

    @abstractmethod
    def born(self, shots: Sequence[ShotPoints], at: Inputs, along: Inputs) -> Tensor:
        """Return the Jacobian applied to `along`, a change of the input `at`, for the same `shots`."""

    @abstractmethod
    def second(
        self, shots: Sequence[ShotPoints], at: Inputs, along: Inputs, data_bar: Tensor, data_bar_along: Tensor
    ) -> tuple[Inputs, Tensor]:
        """Return the derivative of `gradient` along `along`, a change of the input `at`, and the Born data.

        `data_bar` changes by `data_bar_along` at the same time; `shots` are those of `forward`.
        """

    @abstractmethod
    def cost(self) -> MemoryCost:
        """Return the bytes that one shot's gradient needs."""
