"""How a gradient remembers the forward run: strategies as objects; all give the same bits."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

from seisinv.backends.base import MemoryCost
from seisinv.backends.buffers import KEEP, POOL
from seisinv.core import ConfigError
from seisinv.core.memory import available_memory


class Memory(ABC):
    """How a gradient remembers the forward run: into how many segments the time axis is cut.

    To add a strategy, implement `segment`.

    Examples
    --------
    >>> cost = MemoryCost(checkpoint=8_000_000, tape=1_000_000)
    >>> Memory.bytes_needed(100, 1000, cost)  # ten checkpoints, and the tape of one segment
    180000000
    """

    @abstractmethod
    def segment(self, steps: int, shots: int, cost: MemoryCost) -> int:
        """Return the number of steps per segment; `steps` means that every step is kept.

        The gradient is that of some shots, at a cost per shot.
        """

    @staticmethod
    def bytes_needed(segment: int, steps: int, cost: MemoryCost) -> int:
        """Return the bytes that one shot of some steps needs with segments of a length, from its cost per step."""
        return math.ceil(steps / segment) * cost.checkpoint + min(segment, steps) * cost.tape


@dataclass(frozen=True)
class GradientMemory:
    """What gradients remember of their forward runs: see `Propagator.gradient_memory`.

    Parameters
    ----------
    bytes : int
        Memory needed, about.
    steps : int
        Number of solver steps.
    every : int or None
        Steps between checkpoints; None where every step is kept.

    Examples
    --------
    >>> GradientMemory(bytes=80_000_000, steps=1500, every=None).bytes / 1e6
    80.0
    """

    bytes: int
    steps: int
    every: int | None


@dataclass(frozen=True)
class StoreAll(Memory):
    """Keep every step's tape: the fastest, one pass forward and one backward.

    Examples
    --------
    >>> StoreAll().segment(1000, 1, MemoryCost(checkpoint=8_000_000, tape=1_000_000))
    1000
    """

    def segment(self, steps: int, shots: int, cost: MemoryCost) -> int:
        """Return `steps`."""
        return steps


@dataclass(frozen=True)
class Checkpointed(Memory):
    """Keep the state every `every` steps and repeat the steps between (Griewank & Walther 2000, one level).

    Parameters
    ----------
    every : int or None
        Steps between checkpoints; by default the number that needs the least memory, √(steps · checkpoint / tape).

    Raises
    ------
    ConfigError
        If `every` is less than 1.

    Examples
    --------
    >>> Checkpointed().segment(1000, 1, MemoryCost(checkpoint=4_000_000, tape=1_000_000))
    63
    """

    every: int | None = None

    def __post_init__(self) -> None:
        if self.every is not None and self.every < 1:
            raise ConfigError(f"every is {self.every} steps; a checkpoint is kept every 1 step or more")

    def segment(self, steps: int, shots: int, cost: MemoryCost) -> int:
        """Return the distance between checkpoints."""
        best = self.every or round(math.sqrt(steps * cost.checkpoint / max(cost.tape, 1)))
        return min(max(best, 1), steps)


@dataclass(frozen=True)
class Automatic(Memory):
    """Keep every step if all shots' tapes fit into `budget` bytes, else checkpoints.

    Parameters
    ----------
    budget : int or None, bytes
        By default half of the memory that is free when the gradient is asked for, and at most 6 GiB, which is
        what is kept between calls, since fresh pages cost more than repeating the steps.

    Examples
    --------
    >>> Automatic(budget=2_000_000_000).segment(1000, 1, MemoryCost(checkpoint=4_000_000, tape=1_000_000))
    1000
    """

    budget: int | None = None

    def segment(self, steps: int, shots: int, cost: MemoryCost) -> int:
        """Return `steps` where the tapes fit, else the distance between checkpoints."""
        budget = min((available_memory() + POOL.held) // 2, KEEP) if self.budget is None else self.budget
        if shots * self.bytes_needed(steps, steps, cost) <= budget:
            return steps
        return Checkpointed().segment(steps, shots, cost)
