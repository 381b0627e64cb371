"""What a wave equation has to say about itself."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor

from seisinv.core import ConfigError, registry
from seisinv.core.identity import digest
from seisinv.symbolic import Equation


class Physics(ABC):
    """A wave equation: its parameters, its equations, and what the model turns into.

    To add one, write a file with a subclass that sets the three attributes and implements the three methods; names of
    fields, coefficients, source and parameters are free.  `seisinv.testing.check_physics` tests it.  Two are equal
    where their code and attributes are; an attribute is set once.

    Attributes
    ----------
    parameters : tuple of str
        Names of the model parameters it needs.
    record : str
        The field that receivers measure.
    source_delay : float
        Time at which a source sample acts, in steps after the sample before (0 or ½: staggering in time).

    Examples
    --------
    >>> from seisinv.physics import AcousticDensity
    >>> AcousticDensity().parameters
    ('vp', 'rho')
    """

    parameters: ClassVar[tuple[str, ...]]
    record: ClassVar[str]
    source_delay: ClassVar[float]

    @abstractmethod
    def equations(self, axes: Sequence[str]) -> list[Equation]:
        """Return the equations on some axes, in physical units, in the order in which a step updates the fields.

        `axes` are ("z", "x") or ("z", "y", "x").
        """

    @abstractmethod
    def coefficients(self, model: Mapping[str, Tensor], axes: Sequence[str]) -> dict[str, Tensor]:
        """Return the equations' coefficients, in SI units, from the tensors of a model, differentiably.

        `model` maps names of parameters to tensors [z, x]; `axes` are the names of their axes.
        """

    @abstractmethod
    def speeds(self, model: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the speeds of the slowest and of the fastest wave at every node of a model, m/s.

        Time step and absorbing layers follow from the fastest, the error of the differences from the slowest.
        """

    @property
    def name(self) -> str:
        """Name on the command line: that of the module."""
        return _name(type(self))

    def __setattr__(self, name: str, value: object) -> None:
        if name in vars(self):
            raise AttributeError(f"{self!r} keeps its {name}, since programs were derived from it: make another")
        super().__setattr__(name, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Physics) and digest(self) == digest(other)

    def __hash__(self) -> int:
        return hash(digest(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


def _name(physics: type[Physics]) -> str:
    return physics.__module__.rsplit(".", 1)[-1]


def wave_equation(name: str) -> Physics:
    """Return the wave equation of a name, from all subclasses of `Physics` that are imported.

    Parameters
    ----------
    name : str
        Name of the module that defines it, such as "acoustic".

    Returns
    -------
    Physics
        An instance.

    Raises
    ------
    ConfigError
        If there is none, with the names there are.

    Examples
    --------
    >>> wave_equation("acoustic_density")
    AcousticDensity()
    """
    found = [(_name(cls), cls) for cls in registry.concrete(Physics)]  # type: ignore[type-abstract]
    if name not in dict(found):
        near = difflib.get_close_matches(name, dict(found), 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(dict(found))}"
        raise ConfigError(f"propagator.physics is {name!r}, which is not a wave equation of seisinv; {hint}")
    return registry.unique(pair for pair in found if pair[0] == name)[name]()


def halfway(values: Tensor, axis: int) -> Tensor:
    """Return the mean of neighbours half a cell up along an axis; the last node stands for its missing neighbour.

    Parameters
    ----------
    values : tensor
        Values on the nodes.
    axis : int
        The axis.

    Returns
    -------
    tensor
        Means, of the same shape and unit.

    Examples
    --------
    >>> import torch
    >>> halfway(torch.tensor([1.0, 3.0, 5.0]), 0)
    tensor([2., 4., 5.])
    """
    n = values.shape[axis]
    up = values.index_select(axis, (values.new_ones(n).cumsum(0).long()).clamp(max=n - 1))
    return 0.5 * (values + up)
