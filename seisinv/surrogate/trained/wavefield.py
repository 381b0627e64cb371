"""Wavefields of the trained surrogate: evaluated at any place and time, with derivatives, saved and loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from seisinv.core import ConfigError, DataError, GeometryError, Grid
from seisinv.core.tensors import read_tensors, write_tensors
from seisinv.surrogate.jets import VALUE, Order
from seisinv.surrogate.time.features import BLOCK, HIGHEST, Partition
from seisinv.surrogate.time.wavefield import checked
from seisinv.surrogate.trained.ansatz import Ansatz, Form, Start
from seisinv.surrogate.trained.network import Network

FORMAT = "seisinv trained wavefield 1"  # changes with the ansatz


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
            rows = self.ansatz.rows(points[part], here, torch.float64)
            out.append(self.ansatz.apply(self.parameters, rows).detach().numpy())
        return np.concatenate(out) if out else np.zeros(0)


@dataclass(frozen=True, eq=False)
class TrainedWavefield:
    """One or more trained wavefields; `TrainedPINN` makes them.

    Parameters
    ----------
    fields : TrainedField
    errors : mapping of names to [field] arrays
        What `TrainedPINN` measured at points it was not trained on; relative, as for `Wavefield`.
    """

    fields: tuple[TrainedField, ...]
    errors: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.fields)

    def __call__(self, points: np.ndarray, order: Order = VALUE) -> np.ndarray:
        """Return the fields, or a derivative of them [field, point].

        Parameters
        ----------
        points : (n, 3) array, (z, x, t) in m, m, s
        order : how often to differentiate along z, x and t; at most twice along each

        Raises
        ------
        GeometryError
            If a point lies outside the domain and the times that were trained for.
        """
        if max(order) > HIGHEST or min(order) < 0:
            raise ConfigError(f"order is {order}; windows have at most {HIGHEST} derivatives along each axis")
        points = checked(points, self.fields[0].ansatz.partitions)
        return np.stack([f.form(points, {order: 1.0}) for f in self.fields])

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """Return the derivatives along z, x (per m) and t (per s) [field, point, 3]."""
        return np.stack([self(points, order) for order in ((1, 0, 0), (0, 1, 0), (0, 0, 1))], axis=-1)

    def save(self, file: str | Path) -> None:
        """Write a safetensors file, whole or not at all."""
        ansatz = self.fields[0].ansatz
        tensors = {f"error.{n}": torch.as_tensor(e) for n, e in self.errors.items()}
        tensors["scale"] = torch.from_numpy(ansatz.scale)
        starts = []
        for k, f in enumerate(self.fields):
            s = f.ansatz.start
            tensors |= {f"{k}.{n}": p for n, p in zip(ansatz.network.names, f.parameters, strict=True)}
            tensors |= {f"{k}.value": torch.from_numpy(s.value), f"{k}.rate": torch.from_numpy(s.rate)}
            starts.append([s.grid.shape, s.grid.spacing, s.grid.origin, s.wavenumber, s.time])
        card = {
            "network": asdict(ansatz.network),
            "partitions": [(p.low, p.high, p.count, p.overlap) for p in ansatz.partitions],
            "walls": ansatz.walls,
            "starts": starts,
        }
        write_tensors(Path(file), tensors, {"format": FORMAT, "card": json.dumps(card)})

    @classmethod
    def load(cls, file: str | Path) -> TrainedWavefield:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            If it is no trained wavefield, or one of another version.
        """
        tensors, metadata = read_tensors(Path(file))
        if metadata.get("format") != FORMAT:
            raise DataError(f"{file} holds {metadata.get('format', 'no format')!r}; this version reads {FORMAT!r}")
        try:
            card = json.loads(metadata["card"])
            network = Network(**{**card["network"], "windows": tuple(card["network"]["windows"])})
            z, x, t = (Partition(*p) for p in card["partitions"])
            fields = []
            for k, (shape, spacing, origin, wavenumber, t1) in enumerate(card["starts"]):
                value, rate = (tensors[f"{k}.{n}"].numpy() for n in ("value", "rate"))
                start = Start(Grid(shape, spacing, origin), value, rate, wavenumber, t1)
                ansatz = Ansatz(network, (z, x, t), tensors["scale"].numpy(), start, card["walls"])
                parameters = tuple(tensors[f"{k}.{n}"] for n in network.names)
                fits = [p.shape for p in parameters] == network.shapes and value.shape == rate.shape == start.grid.shape
                if not fits:
                    raise ValueError("its arrays do not fit one another")
                fields.append(TrainedField(ansatz, parameters))
        except (KeyError, ValueError, TypeError, AttributeError, ConfigError, GeometryError) as error:
            raise DataError(f"{file} is damaged ({error}); save the wavefield again") from None
        errors = {n.removeprefix("error."): e.numpy() for n, e in tensors.items() if n.startswith("error.")}
        return cls(tuple(fields), errors)
