"""Wavefields of the trained surrogate: evaluated at any position and time, with derivatives, saved and loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, Grid
from seisinv.surrogate.features import BLOCK, HIGHEST, Partition
from seisinv.surrogate.field import SolvedField, fitting
from seisinv.surrogate.jets import VALUE, Order
from seisinv.surrogate.trained.ansatz import Ansatz, Form, Start
from seisinv.surrogate.trained.network import Network

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, eq=False)
class TrainedField:
    """One trained wavefield: its form and its parameters."""

    ansatz: Ansatz
    parameters: tuple[Tensor, ...]

    @torch.no_grad()
    def form(self, points: np.ndarray, form: Form) -> np.ndarray:
        """Return a linear form of the field at points (z, x, t) [point]."""
        out = []
        for start in range(0, len(points), BLOCK):
            part = slice(start, start + BLOCK)
            here = {o: f[part] if isinstance(f, np.ndarray) else f for o, f in form.items()}
            rows = self.ansatz.rows(points[part], here)
            out.append(self.ansatz.apply(self.parameters, rows).detach().numpy())
        return np.concatenate(out) if out else np.zeros(0)


@dataclass(frozen=True, eq=False)
class TrainedWavefield(SolvedField):
    """One or more trained wavefields; `TrainedPINN` makes them.

    Parameters
    ----------
    fields : TrainedField
    errors : mapping of names to [field] arrays
        What `TrainedPINN` measured at points it was not trained on; relative, as for `Wavefield`.

    Examples
    --------
    >>> import numpy as np, seisinv as si
    >>> model = si.Model(si.Grid((11, 11), 20.0), vp=1000.0)
    >>> recipe = si.surrogate.TrainingSchedule(steps=2, polish=0)
    >>> pinn = si.surrogate.TrainedPINN(si.Acoustic(), model, duration=0.05, wavenumber=0.08, recipe=recipe)
    >>> p = pinn(si.surrogate.Initial(lambda z, x: np.exp(-((z - 100) ** 2 + (x - 100) ** 2) / 2 / 40**2)))
    >>> p(np.array([[100.0, 100.0, 0.0]])).round(2)
    array([[1.]])
    """

    axes = "zxt"
    version = "seisinv trained wavefield 1"  # changes with the ansatz

    fields: tuple[TrainedField, ...]
    errors: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.fields)

    def __call__(self, points: np.ndarray, order: Order = VALUE) -> np.ndarray:
        """Return the fields, or a derivative of them [field, point].

        Parameters
        ----------
        points : (n, 3) array, (z, x, t) in m, m, s
        order : order of the derivative along z, x and t, at most 2 along each

        Raises
        ------
        GeometryError
            If a point lies outside the domain and the times that were trained for.
        """
        if max(order) > HIGHEST or min(order) < 0:
            raise ConfigError(f"order is {order}; derivatives are at most {HIGHEST} along each axis")
        points = self._checked(points, [(p.low, p.high) for p in self.fields[0].ansatz.partitions])
        return np.stack([f.form(points, {order: 1.0}) for f in self.fields])

    def _contents(self) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        ansatz = self.fields[0].ansatz
        arrays, starts = {"scale": ansatz.scale}, []
        for k, f in enumerate(self.fields):
            s = f.ansatz.start
            arrays |= {f"{k}.{n}": p.numpy() for n, p in zip(ansatz.network.names, f.parameters, strict=True)}
            arrays |= {f"{k}.value": s.value, f"{k}.rate": s.rate}
            starts.append([s.grid.shape, s.grid.spacing, s.grid.origin, s.wavenumber, s.time])
        card = {
            "network": asdict(ansatz.network),
            "partitions": [astuple(p) for p in ansatz.partitions],
            "walls": ansatz.walls,
            "starts": starts,
        }
        return arrays, {"card": json.dumps(card)}

    @classmethod
    def _of(cls, arrays: Mapping[str, np.ndarray], card: Mapping[str, str], errors: Mapping[str, np.ndarray]) -> Self:
        form = json.loads(card["card"])
        network = Network(**{**form["network"], "windows": tuple(form["network"]["windows"])})
        z, x, t = (Partition(*p) for p in form["partitions"])
        fields = []
        for k, (shape, spacing, origin, wavenumber, t1) in enumerate(form["starts"]):
            value, rate = arrays[f"{k}.value"], arrays[f"{k}.rate"]
            start = Start(Grid(shape, spacing, origin), value, rate, wavenumber, t1)
            ansatz = Ansatz(network, (z, x, t), arrays["scale"], start, form["walls"])
            parameters = tuple(torch.from_numpy(arrays[f"{k}.{n}"]) for n in network.names)
            fitting([p.shape for p in parameters] == network.shapes and value.shape == rate.shape == start.grid.shape)
            fields.append(TrainedField(ansatz, parameters))
        return cls(tuple(fields), errors)
