"""Wavefields of the surrogate: evaluated at any place and time, with derivatives, saved and loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seisinv.core import ConfigError, DataError, GeometryError, Grid
from seisinv.core.tensors import read_arrays, write_arrays
from seisinv.surrogate.jets import VALUE, Order
from seisinv.surrogate.parts import Parts
from seisinv.surrogate.time.background import Background
from seisinv.surrogate.time.features import Features, Partition, later

FORMAT = "seisinv wavefield 3"  # changes with the features


@dataclass(frozen=True, eq=False)
class Wavefield:
    """One or more wavefields in the same features; `PINN` makes them.

    Parameters
    ----------
    features : Features
    coefficients : (solves, features, fields) array
        Last layers, of one solve or of overlapping ones that follow each other.
    errors : mapping of names to [field] arrays
        What `PINN` measured at points it was not fitted to; relative, see there.
    step : float, s
        Time from the start of one solve to that of the next.
    sources : per field, waves of point sources that are added
    """

    features: Features
    coefficients: np.ndarray
    errors: Mapping[str, np.ndarray]
    step: float = 0.0
    sources: tuple[tuple[Background, ...], ...] = ()

    def __len__(self) -> int:
        return self.coefficients.shape[2]

    @property
    def end(self) -> float:
        """Last time that was solved for, s."""
        return self.features.partitions[2].high + self.step * (len(self.coefficients) - 1)

    def __call__(self, points: np.ndarray, order: Order = VALUE) -> np.ndarray:
        """Return the fields, or a derivative of them [field, point].

        Parameters
        ----------
        points : (n, 3) array, (z, x, t) in m, m, s
        order : how often to differentiate along z, x and t; at most twice along each

        Raises
        ------
        GeometryError
            If a point lies outside the domain and the times that were solved for.
        """
        points = checked(points, self.features.partitions, self.end)
        out = np.zeros((len(points), len(self)))
        last = len(self.coefficients) - 1
        number = np.clip((points[:, 2] / self.step).astype(int), 0, last) if last else np.zeros(len(points), int)
        for k, a in enumerate(self.coefficients):
            here = number == k
            out[here] = self.features.combine(later(points[here], -k * self.step), a, order)
        for shot, behind in enumerate(self.sources):
            for b in behind:
                out[:, shot] += b(points, order)
        return out.T

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """Return the derivatives along z, x (per m) and t (per s) [field, point, 3]."""
        return np.stack([self(points, order) for order in ((1, 0, 0), (0, 1, 0), (0, 0, 1))], axis=-1)

    def save(self, file: str | Path) -> None:
        """Write a safetensors file, whole or not at all."""
        f = self.features
        arrays = {"wave": f.wave, "phase": f.phase, "coefficients": self.coefficients}
        card = {
            "step": repr(self.step),
            "partitions": json.dumps([(p.low, p.high, p.count, p.overlap) for p in f.partitions]),
        }
        if f.used is not None:
            arrays["used"] = f.used
        if f.parts is not None:
            arrays["parts"] = f.parts.labels
            card["grid"] = json.dumps([f.parts.grid.spacing, f.parts.grid.origin])
        for i, behind in enumerate(self.sources):
            for j, b in enumerate(behind):
                arrays[f"source.{i}.{j}"] = np.concatenate([b.source, [b.speed, b.strength, b.step], b.wavelet])
        arrays |= {f"error.{name}": value for name, value in self.errors.items()}
        write_arrays(file, arrays, card, version=FORMAT)

    @classmethod
    def load(cls, file: str | Path) -> Wavefield:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            If it is no wavefield, or one of another version.
        """
        arrays, card = read_arrays(file, version=FORMAT)
        try:
            z, x, t = (Partition(*p) for p in json.loads(card["partitions"]))
            features = Features((z, x, t), arrays["wave"], arrays["phase"], arrays.get("used"), _parts(arrays, card))
            coefficients = arrays["coefficients"]
            fits = features.wave.shape == (3, *features.phase.shape) and coefficients.shape[1] == features.count
            step, sources = float(card["step"]), _sources(arrays, coefficients.shape[2], features.parts)
        except (KeyError, ValueError, TypeError, IndexError, ConfigError) as error:
            raise DataError(f"{file} is damaged ({error}); save the wavefield again") from None
        if not fits:
            raise DataError(f"{file} is damaged (its arrays do not fit one another); save the wavefield again")
        errors = {n.removeprefix("error."): a for n, a in arrays.items() if n.startswith("error.")}
        return cls(features, coefficients, errors, step, sources)


def _parts(arrays: Mapping[str, np.ndarray], card: Mapping[str, str]) -> Parts | None:
    """Return the parts of the model that `save` wrote."""
    if "parts" not in arrays:
        return None
    labels = arrays["parts"]
    spacing, origin = json.loads(card["grid"])
    return Parts(Grid(labels.shape, spacing, origin), labels)


def _sources(arrays: Mapping[str, np.ndarray], fields: int, parts: Parts | None) -> tuple[tuple[Background, ...], ...]:
    """Return the sources of every field that `save` wrote."""
    out: list[list[Background]] = [[] for _ in range(fields)]
    names = sorted((n for n in arrays if n.startswith("source.")), key=lambda n: [int(i) for i in n.split(".")[1:]])
    for name in names:
        a = arrays[name]
        out[int(name.split(".")[1])].append(Background(a[:2], float(a[2]), float(a[3]), float(a[4]), a[5:], parts))
    return tuple(tuple(s) for s in out) if names else ()


def checked(
    points: np.ndarray, partitions: tuple[Partition, Partition, Partition], end: float | None = None
) -> np.ndarray:
    """Return points (z, x, t) as floats; `end` is the last time, s, where it is not that of the partitions.

    Raises
    ------
    GeometryError
        If they are no points, or one lies outside.
    """
    points = np.asarray(points, float)
    if points.ndim != 2 or points.shape[1] != 3:
        raise GeometryError(f"points have shape {points.shape}; give (z, x, t) as [n, 3]")
    for k, (name, unit, p) in enumerate(zip("zxt", ("m", "m", "s"), partitions, strict=True)):
        slack, high = 1e-9 * (p.high - p.low), p.high if end is None or name != "t" else end
        outside = ~((points[:, k] >= p.low - slack) & (points[:, k] <= high + slack))
        if outside.any():
            raise GeometryError(
                f"point {int(np.argmax(outside))} at {name} = {points[np.argmax(outside), k]:g} {unit} is outside "
                f"the wavefield ({p.low:g} to {high:g} {unit}); solve for a larger model or a longer duration"
            )
    return points
