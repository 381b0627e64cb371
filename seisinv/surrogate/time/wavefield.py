"""Wavefields of the surrogate: evaluated at any position and time, with derivatives, saved and loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import numpy as np

from seisinv.core import Grid
from seisinv.surrogate.features import Features, Partition, later
from seisinv.surrogate.field import SolvedField, fitting
from seisinv.surrogate.jets import VALUE, Order
from seisinv.surrogate.parts import Parts
from seisinv.surrogate.time.background import Background

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, eq=False)
class Wavefield(SolvedField):
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

    Examples
    --------
    >>> import numpy as np, seisinv as si
    >>> pinn = si.PINN(si.Acoustic(), si.Model(si.Grid((11, 11), 20.0), vp=1000.0), duration=0.05, wavenumber=0.08)
    >>> p = pinn(si.surrogate.Initial(lambda z, x: np.exp(-((z - 100) ** 2 + (x - 100) ** 2) / 2 / 40**2)))
    >>> p(np.array([[100.0, 100.0, 0.0], [100.0, 140.0, 0.0]])).round(2)  # fields, points
    array([[1.  , 0.61]])
    """

    axes = "zxt"
    version = "seisinv wavefield 3"  # changes with the features

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
        order : order of the derivative along z, x and t, at most 2 along each

        Raises
        ------
        GeometryError
            If a point lies outside the domain and the times that were solved for.
        """
        z, x, _ = ((p.low, p.high) for p in self.features.partitions)
        points = self._checked(points, (z, x, (0.0, self.end)))
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

    def _contents(self) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        f = self.features
        arrays = {"wave": f.wave, "phase": f.phase, "coefficients": self.coefficients}
        card = {"step": repr(self.step), "partitions": json.dumps([astuple(p) for p in f.partitions])}
        if f.used is not None:
            arrays["used"] = f.used
        if f.parts is not None:
            arrays["parts"] = f.parts.labels
            card["grid"] = json.dumps([f.parts.grid.spacing, f.parts.grid.origin])
        for i, shot in enumerate(self.sources):
            for j, b in enumerate(shot):
                arrays[f"source.{i}.{j}"] = np.concatenate([b.source, [b.speed, b.strength, b.step], b.wavelet])
        return arrays, card

    @classmethod
    def _of(cls, arrays: Mapping[str, np.ndarray], card: Mapping[str, str], errors: Mapping[str, np.ndarray]) -> Self:
        z, x, t = (Partition(*p) for p in json.loads(card["partitions"]))
        features = Features((z, x, t), arrays["wave"], arrays["phase"], arrays.get("used"), _parts(arrays, card))
        coefficients = arrays["coefficients"]
        fitting(features.wave.shape == (3, *features.phase.shape) and coefficients.shape[1] == features.count)
        sources = _sources(arrays, coefficients.shape[2], features.parts)
        return cls(features, coefficients, errors, float(card["step"]), sources)


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
