"""What a backend computes: four derived programs over many shots; and how a task is described to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from seisinv.symbolic import Derived


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
    mass : (n_cells,) array, optional
        What share of a cell each of `cells` stands for; less or more than 1 next to a one-sided free surface.

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
    mass: np.ndarray | None = None

    @property
    def share(self) -> np.ndarray:
        """How much of a point's amplitude each entry's cell gets, so that spreading is the transpose of reading."""
        return self.weight if self.mass is None else self.weight / self.mass[self.cell]


@dataclass(frozen=True, eq=False)
class ShotPoints:
    """Where one shot's sources and receivers are on the grid.

    Parameters
    ----------
    sets : mapping of str to Points
        Their positions, by the name of the set of points in the programs.
    number : int
        The shot's number, for messages.

    Examples
    --------
    >>> node = Points(np.array([7]), np.array([0]), np.array([0]), np.array([1.0]), count=1)
    >>> ShotPoints({"sources_s": node, "receivers_p": node}, number=12)["receivers_p"] is node
    True
    """

    sets: Mapping[str, Points]
    number: int = 0

    def __getitem__(self, name: str) -> Points:
        return self.sets[name]


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
    amplitudes : mapping of str to (shot, step, source) tensor
        What the sources feed in, by the name of the source in the programs.

    Examples
    --------
    >>> Inputs({"K": torch.ones(5, 6)}, {"s": torch.zeros(1, 10, 1)}).steps
    10
    """

    coefficients: Mapping[str, Tensor]
    amplitudes: Mapping[str, Tensor]

    @property
    def steps(self) -> int:
        """Number of solver steps."""
        return int(next(iter(self.amplitudes.values())).shape[1])


Data: TypeAlias = Mapping[str, Tensor]  # [shot, step, receiver], by the name of the record in the programs


@dataclass(frozen=True, eq=False)
class Setup:
    """What a backend is built from.

    Parameters
    ----------
    derived : Derived
        The programs; their `sources` and `records` name what is fed in and what is written out.
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
    [shot, step, receiver] by name of the record, zero where a shot has fewer receivers than another.

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
    def forward(self, shots: Sequence[ShotPoints], at: Inputs, *, keep: bool) -> tuple[Data, object]:
        """Return the data of some shots at an input; with `keep` also what `gradient` can use instead of repeating it.

        `shots` says where sources and receivers are, `at` holds coefficients and amplitudes.
        """

    @abstractmethod
    def gradient(self, shots: Sequence[ShotPoints], at: Inputs, data_bar: Data, *, kept: object) -> Inputs:
        """Return the transposed Jacobian applied to `data_bar`; `kept` is None or what `forward` returned.

        `shots` and `at` are those of `forward`; the result has the form of `at`.
        """

    @abstractmethod
    def born(self, shots: Sequence[ShotPoints], at: Inputs, along: Inputs) -> Data:
        """Return the Jacobian applied to `along`, a change of the input `at`, for the same `shots`."""

    @abstractmethod
    def second(
        self, shots: Sequence[ShotPoints], at: Inputs, along: Inputs, data_bar: Data, data_bar_along: Data
    ) -> tuple[Inputs, Data]:
        """Return the derivative of `gradient` along `along`, a change of the input `at`, and the Born data.

        `data_bar` changes by `data_bar_along` at the same time; `shots` are those of `forward`.
        """

    @abstractmethod
    def cost(self) -> MemoryCost:
        """Return the bytes that one shot's gradient needs."""
