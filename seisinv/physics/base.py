"""What a wave equation has to say about itself."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from seisinv.core import ConfigError, registry
from seisinv.core.identity import digest
from seisinv.symbolic import Equation, Poly
from seisinv.symbolic.equations import symbols


@dataclass(frozen=True)
class Component:
    """What a receiver can measure.

    Parameters
    ----------
    of : Poly
        A field, or a sum of fields at one place of the grid and one time.
    unit : str
        Its unit.
    title : str
        What it is called.
    rate : int
        −1 for the integral in time of `of`, 1 for its derivative.

    Examples
    --------
    >>> from seisinv.symbolic import Field
    >>> Component(Field("vz", "z"), "m/s²", "vertical acceleration", rate=1).rate
    1
    """

    of: Poly
    unit: str = ""
    title: str = ""
    rate: int = 0


@dataclass(frozen=True)
class Kind:
    """What a source can be.

    Parameters
    ----------
    emits : mapping of str to float
        How much of each `Source` of the equations it feeds in.
    unit : str
        Unit of its source time function.
    title : str
        What it is called.

    Examples
    --------
    >>> Kind({"mzz": -1.0, "mxx": -1.0}, "N m/s per m", "explosion").emits["mzz"]
    -1.0
    """

    emits: Mapping[str, float]
    unit: str = ""
    title: str = ""


class Physics(ABC):
    """A wave equation: its parameters, its equations, what sources and receivers can be, and what the model turns into.

    To add one, write a file with a subclass that states `parameters` and implements `equations`, `coefficients` and
    `speeds`; names of fields, coefficients, sources and parameters are free.  `seisinv.testing.check_physics` tests it.
    Two are equal where their code and attributes are; an attribute is set once.

    Attributes
    ----------
    parameters : tuple of str
        Names of the model parameters it needs.
    record : str
        What receivers measure where the survey does not say; by default the field of the last equation.
    kind : str
        What sources are where the survey does not say; by default the first of `sources`.
    vanishing : tuple of str
        Coefficients that may be zero somewhere; gradients must not divide by them.
    reciprocal : tuple of pairs (kind, component)
        Sources and receivers that may be exchanged; by default `kind` and `record`.
    damping : (float, float, float)
        What absorbing layers damp low frequencies with at their inner and at their outer edge (α of the layers), and
        every field by itself at the outer edge, times π × dominant frequency.  A solid plate between a free surface or
        a fluid and a fluid has waves that run backwards (Lamb waves near zero group velocity), which layers without the
        second and the third let grow.

    Examples
    --------
    >>> from seisinv.physics import AcousticDensity
    >>> AcousticDensity().parameters
    ('vp', 'rho')
    >>> ", ".join(AcousticDensity().components("zx"))
    'p, vz, vx, uz, ux, az, ax'
    """

    parameters: ClassVar[tuple[str, ...]]
    record: ClassVar[str] = ""
    kind: ClassVar[str] = ""
    vanishing: ClassVar[tuple[str, ...]] = ()
    reciprocal: ClassVar[tuple[tuple[str, str], ...]] = ()
    damping: ClassVar[tuple[float, float, float]] = (1.0, 0.0, 0.0)

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

    def components(self, axes: Sequence[str]) -> dict[str, Component]:
        """Return what receivers can measure on some axes: by default every field, that of the last equation first."""
        fields = [e.rate.field for e in reversed(self.equations(axes))]
        return {f.name: Component(Poly.of(f), "", f.name) for f in fields}

    def sources(self, axes: Sequence[str]) -> dict[str, Kind]:
        """Return what sources can be on some axes, by name: by default every `Source` of the equations."""
        found = [s.name for e in self.equations(axes) for s in symbols(e.right) if s.kind == "source"]
        return {name: Kind({name: 1.0}, "", name) for name in found}

    def surface(self, row: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the coefficients that differ in the row of a free surface; `row` holds all of them there."""
        return {}

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


def motion(velocity: Mapping[str, Poly]) -> dict[str, Component]:
    """Return the components of particle velocity, displacement and acceleration.

    Parameters
    ----------
    velocity : mapping of str to Poly
        The field of particle velocity along each axis.

    Returns
    -------
    dict of str to Component
        vz, vx, …, uz, …, az, …, z down.

    Examples
    --------
    >>> from seisinv.symbolic import Field
    >>> ", ".join(motion({"z": Field("vz", "z")}))
    'vz, uz, az'
    """
    way = {"z": "vertical", "y": "cross-line", "x": "in-line"}
    what = (("v", "m/s", "velocity", 0), ("u", "m", "displacement", -1), ("a", "m/s²", "acceleration", 1))
    return {
        letter + a: Component(of, unit, f"{way.get(a, a)} particle {title}", rate)
        for letter, unit, title, rate in what
        for a, of in velocity.items()
    }
