"""What the frequency-domain surrogate finds: fields that can be evaluated anywhere, with derivatives, and saved."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from seisinv.core import ConfigError, DataError, GeometryError
from seisinv.core.tensors import read_arrays, write_arrays
from seisinv.surrogate.frequency.hankel import HarmonicBackground
from seisinv.surrogate.frequency.planes import PlaneWaves
from seisinv.surrogate.frequency.stretch import Layer
from seisinv.surrogate.jets import VALUE, Order
from seisinv.surrogate.time.features import Partition

FORMAT = "seisinv harmonic field 1"  # changes with the features


@dataclass(frozen=True, eq=False)
class HarmonicField:
    """Complex amplitudes u e^{iωt} of one or more point sources; `Helmholtz` makes them.

    Parameters
    ----------
    basis : PlaneWaves
    coefficients : one (features, sources) array for each window
        Of the scattered fields u − u₀.
    backgrounds : one HarmonicBackground for each source
        u₀.
    errors : mapping of names to [source] arrays
        What `Helmholtz` measured at points it was not fitted to; relative, see there.
    """

    basis: PlaneWaves
    coefficients: Sequence[np.ndarray]
    backgrounds: Sequence[HarmonicBackground]
    errors: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.backgrounds)

    def __call__(self, points: np.ndarray, order: tuple[int, int] = (0, 0)) -> np.ndarray:
        """Return the fields, or a derivative of them [source, point]; infinite at the sources.

        Parameters
        ----------
        points : (n, 2) array, (z, x) in m
        order : how often to differentiate along z and x; at most twice in all, and not once along each

        Raises
        ------
        GeometryError
            If a point lies outside the model.
        """
        full: Order = (*order, 0)
        scattered = self.scattered(points, order)
        with np.errstate(divide="ignore", invalid="ignore"):
            return scattered + np.stack([b.matrix(np.asarray(points, float), full)[:, 0] for b in self.backgrounds])

    def scattered(self, points: np.ndarray, order: tuple[int, int] = (0, 0)) -> np.ndarray:
        """Return the scattered fields u − u₀ or a derivative, at most twice along each axis [source, point]."""
        points = np.asarray(points, float)
        if points.ndim != 2 or points.shape[1] != 2:
            raise GeometryError(f"points have shape {points.shape}; give (z, x) as [n, 2]")
        for k, (name, layer) in enumerate(zip("zx", self.backgrounds[0].layers, strict=True)):
            slack = 1e-9 * (layer.high - layer.low)
            outside = ~((points[:, k] >= layer.low - slack) & (points[:, k] <= layer.high + slack))
            if outside.any():
                raise GeometryError(
                    f"point {int(np.argmax(outside))} at {name} = {points[np.argmax(outside), k]:g} m is outside the "
                    f"model ({layer.low:g} to {layer.high:g} m); solve for a larger model"
                )
        full: Order = (*order, VALUE[2])
        return self.basis.combine(points, self.coefficients, full).T

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """Return the derivatives along z and x, per m [source, point, 2]."""
        return np.stack([self(points, order) for order in ((1, 0), (0, 1))], axis=-1)

    def save(self, file: str | Path) -> None:
        """Write a safetensors file."""
        arrays = {
            "waves": np.concatenate(self.basis.waves, axis=1),
            "sizes": np.array([w.shape[1] for w in self.basis.waves]),
            "coefficients": np.concatenate(list(self.coefficients)).view(float),
        } | {f"error.{name}": value for name, value in self.errors.items()}
        card = {
            "partitions": json.dumps([(p.low, p.high, p.count, p.overlap) for p in self.basis.partitions]),
            "layers": json.dumps([astuple(layer) for layer in self.backgrounds[0].layers]),
            "sources": json.dumps([(*b.source, b.speed) for b in self.backgrounds]),
        }
        write_arrays(file, arrays, card, version=FORMAT)

    @classmethod
    def load(cls, file: str | Path) -> HarmonicField:
        """Read what `save` wrote.

        Raises
        ------
        DataError
            If it is no such field, or one of another version.
        """
        arrays, card = read_arrays(file, version=FORMAT)
        try:
            z, x = (Partition(*p) for p in json.loads(card["partitions"]))
            layers = (Layer(*json.loads(card["layers"])[0]), Layer(*json.loads(card["layers"])[1]))
            ends = np.cumsum(arrays["sizes"])[:-1]
            basis = PlaneWaves((z, x), np.split(arrays["waves"], ends, axis=1), layers[0].omega)
            coefficients = np.split(arrays["coefficients"].view(complex), ends)
            backgrounds = [HarmonicBackground((a, b), c, layers) for a, b, c in json.loads(card["sources"])]
            fits = len(basis.waves) == z.count * x.count and coefficients[0].shape[1] == len(backgrounds)
            fits = fits and all(len(a) == w.shape[1] for a, w in zip(coefficients, basis.waves, strict=True))
        except (KeyError, IndexError, ValueError, TypeError, ConfigError) as error:
            raise DataError(f"{file} is damaged ({error}); save the field again") from None
        if not fits:
            raise DataError(f"{file} is damaged (its arrays do not fit one another); save the field again")
        errors = {n.removeprefix("error."): a for n, a in arrays.items() if n.startswith("error.")}
        return cls(basis, coefficients, backgrounds, errors)
