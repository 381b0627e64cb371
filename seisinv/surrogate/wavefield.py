"""Wavefields of the surrogate: evaluated at any place and time, with derivatives, saved and loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from seisinv.core import ConfigError, DataError, GeometryError, RunError
from seisinv.core.files import write_whole
from seisinv.surrogate.features import VALUE, Features, Order, Partition

FORMAT = "seisinv wavefield 1"  # changes with the features


@dataclass(frozen=True, eq=False)
class Wavefield:
    """One or more wavefields in the same features; `PINN` makes them.

    Parameters
    ----------
    features : Features
    coefficients : (features, fields) array
        Last layer.
    errors : mapping of names to [field] arrays
        What `PINN` measured at points it was not fitted to; relative, see there.
    """

    features: Features
    coefficients: np.ndarray
    errors: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return self.coefficients.shape[1]

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
        points = checked(points, self.features.partitions)
        return self.features.combine(points, self.coefficients, order).T

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """Return the derivatives along z, x (per m) and t (per s) [field, point, 3]."""
        return np.stack([self(points, order) for order in ((1, 0, 0), (0, 1, 0), (0, 0, 1))], axis=-1)

    def save(self, file: str | Path) -> None:
        """Write a safetensors file, whole or not at all."""
        from safetensors.numpy import save

        f = self.features
        arrays = {"wave": f.wave, "phase": f.phase, "coefficients": self.coefficients}
        card = {
            "format": FORMAT,
            "partitions": json.dumps([(p.low, p.high, p.count, p.overlap) for p in f.partitions]),
        }
        arrays |= {f"error.{name}": value for name, value in self.errors.items()}
        try:
            write_whole(Path(file), save({n: np.ascontiguousarray(a) for n, a in arrays.items()}, metadata=card))
        except OSError as error:
            raise RunError(f"cannot write {file}: {error}; free some space or choose another place") from None

    @classmethod
    def load(cls, file: str | Path) -> Wavefield:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            If it is no wavefield, or one of another version.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(Path(file), framework="numpy") as stream:
                card = stream.metadata() or {}
                arrays = {n: stream.get_tensor(n) for n in stream.keys()}  # noqa: SIM118 (no mapping)
        except (OSError, SafetensorError) as error:
            raise DataError(f"{file} is not a whole safetensors file ({str(error).splitlines()[0]})") from None
        if card.get("format") != FORMAT:
            raise DataError(f"{file} holds {card.get('format', 'no format')!r}; this version reads {FORMAT!r}")
        try:
            z, x, t = (Partition(*p) for p in json.loads(card["partitions"]))
            features = Features((z, x, t), arrays["wave"], arrays["phase"])
            coefficients = arrays["coefficients"]
            fits = features.wave.shape == (3, *features.phase.shape) and len(coefficients) == features.count
        except (KeyError, ValueError, TypeError, ConfigError) as error:
            raise DataError(f"{file} is damaged ({error}); save the wavefield again") from None
        if not fits:
            raise DataError(f"{file} is damaged (its arrays do not fit one another); save the wavefield again")
        errors = {n.removeprefix("error."): a for n, a in arrays.items() if n.startswith("error.")}
        return cls(features, coefficients, errors)


def checked(points: np.ndarray, partitions: tuple[Partition, Partition, Partition]) -> np.ndarray:
    """Return points (z, x, t) as floats.

    Raises
    ------
    GeometryError
        If they are no points, or one lies outside.
    """
    points = np.asarray(points, float)
    if points.ndim != 2 or points.shape[1] != 3:
        raise GeometryError(f"points have shape {points.shape}; give (z, x, t) as [n, 3]")
    for k, (name, unit, p) in enumerate(zip("zxt", ("m", "m", "s"), partitions, strict=True)):
        slack = 1e-9 * (p.high - p.low)
        outside = ~((points[:, k] >= p.low - slack) & (points[:, k] <= p.high + slack))
        if outside.any():
            raise GeometryError(
                f"point {int(np.argmax(outside))} at {name} = {points[np.argmax(outside), k]:g} {unit} is outside "
                f"the wavefield ({p.low:g} to {p.high:g} {unit}); solve for a larger model or a longer duration"
            )
    return points
