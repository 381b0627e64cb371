"""Networks of a trained surrogate, one in each subdomain, and their derivatives by Taylor series.

    N_j(ξ) = W_L σ(… σ(W_0 ξ + b_0) …) + b_L,   ξ = (z − z_j, x − x_j, t − t_j) · scale

(finite-basis networks: Moseley, Markham & Nissen-Meyer 2023, doi 10.1007/s10444-023-10065-9; one subdomain is a plain
network).  A layer carries value, first and second derivative along an axis together,

    σ(a),   σ'(a) ∂a,   σ''(a) (∂a)² + σ'(a) ∂²a,

so that all that an equation needs comes from one pass; only mixed derivatives take passes backwards as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError
from seisinv.surrogate.checks import check_choice
from seisinv.surrogate.features import Partitions, cone
from seisinv.surrogate.jets import VALUE, Order

ACTIVATIONS = ("sine", "tanh")


@dataclass(frozen=True)
class Network:
    """Size of the networks.

    Parameters
    ----------
    windows : number of subdomains along z, x and t
        Each has a network of its own; (1, 1, 1) is a plain network.
    width : int
        Neurons of a hidden layer.
    depth : int
        Hidden layers.
    activation : {"sine", "tanh"}
        "sine" starts from first layers on the dispersion cones, as the least-squares surrogate has them; "tanh" from
        the weights of Glorot & Bengio (2010), as is common.
    overlap : float
        Width of a subdomain in units of their distance.

    Raises
    ------
    ConfigError
        If a number is out of range.

    Examples
    --------
    >>> Network(windows=(2, 2, 1), width=16).count  # 3 inputs, 16 neurons and 1 output in each of 4 subdomains
    324
    """

    windows: tuple[int, int, int] = (2, 2, 1)
    width: int = 64
    depth: int = 1
    activation: str = "sine"
    overlap: float = 2.0

    def __post_init__(self) -> None:
        if len(self.windows) != 3:
            raise ConfigError(f"windows has {len(self.windows)} numbers; give one each along z, x and t")
        for name in ("width", "depth"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} of the network is {getattr(self, name)}; it must be 1 or more")
        check_choice("activation", self.activation, ACTIVATIONS)

    @property
    def layers(self) -> list[tuple[int, int]]:
        """Inputs and outputs of every layer."""
        sizes = [3, *[self.width] * self.depth, 1]
        return list(pairwise(sizes))

    @property
    def names(self) -> list[str]:
        """Names of the parameters, in order."""
        return [f"{kind}{k}" for k in range(len(self.layers)) for kind in ("weight", "bias")]

    @property
    def shapes(self) -> list[torch.Size]:
        """Shapes of the parameters: weight [subdomain, input, output] and bias [subdomain, 1, output] by layer."""
        windows = int(np.prod(self.windows))
        return [torch.Size((windows, n, b)) for a, b in self.layers for n in (a, 1)]

    @property
    def count(self) -> int:
        """Number of parameters."""
        return sum(shape.numel() for shape in self.shapes)

    def scale(self, partitions: Partitions, wavenumber: float, velocity: float) -> np.ndarray:
        """Return the factors of z, x and t, per m, per m and per s, that make them dimensionless.

        Parameters
        ----------
        partitions : Partition along z, x and t
            Half of a subdomain is the unit for tanh.
        wavenumber : float, rad/m
            Largest one; its inverse is the unit for sines.
        velocity : float, m/s
            Highest one.

        Returns
        -------
        (3,) array
        """
        if self.activation == "sine":
            return wavenumber * np.array([1.0, 1.0, velocity])
        return np.array([1 / p.half_width if p.count > 1 else 2 / (p.high - p.low) for p in partitions])

    def first(
        self, partitions: Partitions, scale: np.ndarray, *, cones: Mapping[str, float], seed: int
    ) -> list[Tensor]:
        """Return initial weights [subdomain, input, output] and biases [subdomain, 1, output] of every layer.

        Parameters
        ----------
        partitions : Partition along z, x and t
        scale : (3,) array
            As `scale` returns.
        cones : "wavenumber" (rad/m), "low" and "high" velocity (m/s)
            Band and velocities from which first layers of sines are drawn.
        seed : int
            The same seed gives the same parameters.
        """
        windows = int(np.prod(self.windows))
        generator = torch.Generator().manual_seed(seed)
        out = []
        for k, (inputs, outputs) in enumerate(self.layers):
            limit = sqrt(6 / inputs) if self.activation == "sine" else sqrt(6 / (inputs + outputs))
            shape = (windows, inputs, outputs)
            out.append(limit * (2 * torch.rand(shape, generator=generator, dtype=torch.float64) - 1))
            out.append(torch.zeros(windows, 1, outputs, dtype=torch.float64))
            if k == len(self.layers) - 1:
                out[-2].zero_()  # a subdomain that has not been trained adds nothing
        if self.activation == "sine":
            velocities = np.tile([cones["low"], cones["high"]], (windows, 1))
            basis = cone(partitions, velocities, wavenumber=cones["wavenumber"], each=self.width, seed=seed)
            out[0] = torch.from_numpy(np.moveaxis(basis.wave, 0, 1) / scale[:, None]).contiguous()
            out[1] = torch.from_numpy(basis.phase[:, None, :].copy())
        return out

    def derivatives(
        self, parameters: Sequence[Tensor], offset: Tensor, scale: Sequence[float], orders: Sequence[Order]
    ) -> list[Tensor]:
        """Return derivatives of every network at points of its subdomain [subdomain, point], one for each order.

        Parameters
        ----------
        parameters : as from `first`
        offset : (subdomain, point, 3) tensor
            Distance from the centre of the subdomain, m, m, s.
        scale : (3,) sequence, as `scale` returns
        orders : how often to differentiate along z, x and t
        """
        pure = [o for o in orders if np.count_nonzero(o) <= 1 and max(o) <= 2]
        series = self._series(parameters, offset, scale, pure) if pure else {}
        return [series[o] if o in series else self._nested(parameters, offset, scale, o) for o in orders]

    def _series(
        self, parameters: Sequence[Tensor], offset: Tensor, scale: Sequence[float], orders: Sequence[Order]
    ) -> dict[Order, Tensor]:
        """Return the derivatives along one axis each."""
        highest = {axis: max(o[axis] for o in orders) for axis in range(3)}
        first = [axis for axis in range(3) if highest[axis] >= 1]
        second = [axis for axis in range(3) if highest[axis] == 2]
        weight, bias = parameters[0], parameters[1]
        value = torch.baddbmm(bias, offset * offset.new_tensor(scale), weight)
        one = {axis: scale[axis] * weight[:, axis, None, :] for axis in first}
        two: dict[int, Tensor] = {}
        for k in range(2, len(parameters), 2):
            f, df, ddf = _activation(self.activation, value, curved=bool(second))
            bent = {axis: ddf * one[axis].square() for axis in second}
            two = {axis: bent[axis] + df * two[axis] if two else bent[axis] for axis in second}
            one = {axis: df * one[axis] for axis in first}
            streams = [f, *one.values(), *two.values()]
            weight, bias = parameters[k], parameters[k + 1]
            turned = torch.bmm(torch.cat(streams, dim=1), weight).split(f.shape[1], dim=1)
            value = turned[0] + bias
            one = dict(zip(first, turned[1:], strict=False))
            two = dict(zip(second, turned[1 + len(first) :], strict=True))
        out = {VALUE: value[..., 0]}
        for n, found in ((1, one), (2, two)):
            out |= {_along(axis, n): d[..., 0] for axis, d in found.items()}
        return out

    def _nested(self, parameters: Sequence[Tensor], offset: Tensor, scale: Sequence[float], order: Order) -> Tensor:
        """Return a derivative along several axes: one by the series, the others backwards, for points do not mix."""
        axis = int(np.argmax(order))
        own = _along(axis, order[axis])
        with torch.enable_grad():
            at = offset.detach().requires_grad_()
            out = self._series(parameters, at, scale, [own])[own]
            for other in (k for k in range(3) if k != axis for _ in range(order[k])):
                out = torch.autograd.grad(out.sum(), at, create_graph=True)[0][..., other]
        return out


def _activation(name: str, a: Tensor, *, curved: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Return an activation and its first two derivatives; the second only if `curved`."""
    if name == "sine":
        s, c = torch.sin(a), torch.cos(a)
        return s, c, -s
    y = torch.tanh(a)
    slope = 1 - y * y
    return y, slope, -2 * y * slope if curved else y


def _along(axis: int, n: int) -> Order:
    z, x, t = (n * (k == axis) for k in range(3))
    return z, x, t
