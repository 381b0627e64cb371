"""Coefficients of an equation between nodes, with the stretching of absorbing layers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from seisinv.core import Model, ModelError
from seisinv.core.resampling import linear
from seisinv.physics import Physics
from seisinv.surrogate.frequency.stretch import STRETCH, Layer
from seisinv.surrogate.jets import Jet


@dataclass(frozen=True, eq=False)
class LayeredMedium:
    """A medium whose parameters are linear between nodes and constant beyond them, in stretched coordinates.

    Parameters
    ----------
    physics : Physics
    model : Model
    layers : Layer along z and x
    """

    physics: Physics
    model: Model
    layers: tuple[Layer, Layer]

    def tensor(self, jet: Jet, at: np.ndarray) -> torch.Tensor:
        """Return the same as a tensor."""
        return torch.as_tensor(self(jet, at))

    def __call__(self, jet: Jet, at: np.ndarray) -> np.ndarray:
        """Return a coefficient, or a derivative of the stretching, at points (z, x), m.

        Raises
        ------
        ModelError
            If the equation differentiates a coefficient, or one lives between nodes.
        """
        name, axes = jet.symbol.name, self.model.grid.axes
        if name.startswith(STRETCH):
            k = axes.index(name.removeprefix(f"{STRETCH}_"))
            return self.layers[k].factor(at[:, k], jet.order[k]) if not jet.order[1 - k] else np.zeros(len(at))
        if any(jet.order) or jet.symbol.place:
            raise ModelError(
                f"the equation differentiates {name}; the surrogate needs coefficients by their value only"
            )
        values = {n: torch.from_numpy(self.parameter(n, at))[:, None] for n in self.physics.parameters}
        return np.asarray(self.physics.coefficients(values, axes)[name].numpy()[:, 0])

    def parameter(self, name: str, at: np.ndarray) -> np.ndarray:
        """Return a parameter of the model at points (z, x), m."""
        return linear(self.model.grid, self.model[name].detach().double().numpy(), at)
