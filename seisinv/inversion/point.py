"""A vector of the unknown, its model, and the way back of gradients; small enough to travel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Model
from seisinv.unknowns import Unknown


@dataclass(frozen=True, eq=False)
class Point:
    """A vector of an unknown.

    Parameters
    ----------
    unknown : Unknown
    water : bool tensor [z, x], optional
        Cells that keep their starting value.
    x : array [n]
        The vector.

    Examples
    --------
    >>> import seisinv as si
    >>> start = si.Model(si.Grid((3, 4), 10.0), vp=2000.0)
    >>> unknown = si.unknowns.Bounded(start, vp=(1500, 2600))
    >>> point = Point(unknown, None, unknown.vector())
    >>> point.wanted, point.chained({"vp": np.ones((3, 4))}).shape
    (('vp',), (12,))
    """

    unknown: Unknown
    water: Tensor | None
    x: np.ndarray

    @cached_property
    def vector(self) -> Tensor:
        """The vector, whose gradient can be taken."""
        return torch.from_numpy(np.array(self.x)).requires_grad_()

    @cached_property
    def model(self) -> Model:
        """The model of the vector."""
        return with_water(self.unknown.model(self.vector), self.unknown.start, self.water)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The parameters of the model that depend on the vector."""
        return tuple(n for n in self.model if self.model[n].requires_grad)

    def chained(self, gradient: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the gradient with respect to the vector from that with respect to the parameters of its model.

        Parameters
        ----------
        gradient : mapping of str to array [z, x]

        Returns
        -------
        array [n]
        """
        outer = [torch.from_numpy(g).to(self.model[n].dtype) for n, g in gradient.items()]
        inner = [self.model[n] for n in gradient]
        return torch.autograd.grad(inner, self.vector, outer, retain_graph=True)[0].numpy()

    def __getstate__(self) -> dict[str, object]:
        """Return what travels: not the graph of the model."""
        return {"unknown": self.unknown, "water": self.water, "x": self.x}


def with_water(model: Model, start: Model, water: Tensor | None) -> Model:
    """Return a model with the starting values in the cells of a mask."""
    if water is None:
        return model
    return model.replace(**{n: torch.where(water, start[n].to(model[n].dtype), model[n]) for n in model})
