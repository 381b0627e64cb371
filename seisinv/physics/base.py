"""What a wave equation has to say about itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor

from seisinv.symbolic import Equation


class Physics(ABC):
    """A wave equation: its parameters, its equations, and what the model turns into.

    Attributes
    ----------
    parameters : names of the model parameters it needs
    record : the field that receivers measure
    source_delay : time at which a source sample acts, in steps after the sample before (0 or ½: staggering in time)
    """

    parameters: ClassVar[tuple[str, ...]]
    record: ClassVar[str]
    source_delay: ClassVar[float]

    @abstractmethod
    def equations(self, axes: Sequence[str]) -> list[Equation]:
        """Return the equations in physical units, in the order in which a step updates the fields."""

    @abstractmethod
    def coefficients(self, model: Mapping[str, Tensor], axes: Sequence[str]) -> dict[str, Tensor]:
        """Return the equations' coefficients from model tensors, in SI units, differentiably."""

    @property
    def name(self) -> str:
        """Name on the command line."""
        return type(self).__module__.rsplit(".", 1)[-1]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


def halfway(values: Tensor, axis: int) -> Tensor:
    """Return the mean of neighbours half a cell up along an axis; the last node stands for its missing neighbour."""
    n = values.shape[axis]
    up = values.index_select(axis, (values.new_ones(n).cumsum(0).long()).clamp(max=n - 1))
    return 0.5 * (values + up)
