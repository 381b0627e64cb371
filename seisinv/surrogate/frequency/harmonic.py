"""What the frequency-domain surrogate finds: fields that can be evaluated anywhere, with derivatives, and saved."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import numpy as np

from seisinv.surrogate.features import Partition
from seisinv.surrogate.field import SolvedField, fitting
from seisinv.surrogate.frequency.hankel import HarmonicBackground
from seisinv.surrogate.frequency.planes import PlaneWaves
from seisinv.surrogate.frequency.stretch import Layer
from seisinv.surrogate.jets import VALUE, Order

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, eq=False)
class HarmonicField(SolvedField):
    """Complex amplitudes u e^{iωt} of one or more point sources; `Helmholtz` makes them.

    Parameters
    ----------
    basis : PlaneWaves
    coefficients : one (features, sources) array for each subdomain
        Of the scattered fields u − u₀.
    backgrounds : one HarmonicBackground for each source
        u₀.
    errors : mapping of names to [source] arrays
        What `Helmholtz` measured at points it was not fitted to; relative, see there.

    Examples
    --------
    >>> import numpy as np, seisinv as si
    >>> model = si.Model(si.Grid((11, 11), 20.0), vp=2000.0)
    >>> field = si.surrogate.Helmholtz(si.Acoustic(), model, 5.0)((100.0, 100.0), (40.0, 60.0))
    >>> field.gradient(np.array([[100.0, 180.0]])).shape  # sources, points, axes
    (2, 1, 2)
    """

    axes = "zx"
    version = "seisinv harmonic field 1"  # changes with the features

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
        order : order of the derivative along z and x; at most 2 in all, and not 1 along each

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
        """Return the scattered fields u − u₀, or a derivative of them [source, point].

        Parameters
        ----------
        points : (n, 2) array, (z, x) in m
        order : order of the derivative along z and x, at most 2 along each
        """
        points = self._checked(points, [(layer.low, layer.high) for layer in self.backgrounds[0].layers])
        full: Order = (*order, VALUE[2])
        return self.basis.combine(points, self.coefficients, full).T

    def _contents(self) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        arrays = {
            "waves": np.concatenate(self.basis.waves, axis=1),
            "sizes": np.array([w.shape[1] for w in self.basis.waves]),
            "coefficients": np.concatenate(list(self.coefficients)).view(float),
        }
        card = {
            "partitions": json.dumps([astuple(p) for p in self.basis.partitions]),
            "layers": json.dumps([astuple(layer) for layer in self.backgrounds[0].layers]),
            "sources": json.dumps([(*b.source, b.speed) for b in self.backgrounds]),
        }
        return arrays, card

    @classmethod
    def _of(cls, arrays: Mapping[str, np.ndarray], card: Mapping[str, str], errors: Mapping[str, np.ndarray]) -> Self:
        z, x = (Partition(*p) for p in json.loads(card["partitions"]))
        layers = (Layer(*json.loads(card["layers"])[0]), Layer(*json.loads(card["layers"])[1]))
        ends = np.cumsum(arrays["sizes"])[:-1]
        basis = PlaneWaves((z, x), np.split(arrays["waves"], ends, axis=1), layers[0].omega)
        coefficients = np.split(arrays["coefficients"].view(complex), ends)
        backgrounds = [HarmonicBackground((a, b), c, layers) for a, b, c in json.loads(card["sources"])]
        fitting(len(basis.waves) == z.count * x.count and coefficients[0].shape[1] == len(backgrounds))
        fitting(all(len(a) == w.shape[1] for a, w in zip(coefficients, basis.waves, strict=True)))
        return cls(basis, coefficients, backgrounds, errors)
