"""What the solutions of all surrogates share: they are functions of position, report their errors, and are one file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from seisinv.core import DataError, GeometryError
from seisinv.core.tensors import read_arrays, write_arrays

if TYPE_CHECKING:
    from typing_extensions import Self

DAMAGES = (KeyError, IndexError, ValueError, TypeError, AttributeError, RuntimeError, OverflowError)


class SolvedField(ABC):
    """One or more fields found by a surrogate."""

    axes: ClassVar[str]
    version: ClassVar[str]  # of the file format
    errors: Mapping[str, np.ndarray]

    @abstractmethod
    def __call__(self, points: np.ndarray, order: Any) -> np.ndarray:
        """Return the fields, or a derivative of them [field, point], at points [point, axis] in m and s."""

    @abstractmethod
    def _contents(self) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        """Return the arrays of a file but for the errors, and its metadata."""

    @classmethod
    @abstractmethod
    def _of(cls, arrays: Mapping[str, np.ndarray], card: Mapping[str, str], errors: Mapping[str, np.ndarray]) -> Self:
        """Return the fields of a file's contents; whatever does not fit raises one of `DAMAGES`."""

    def gradient(self, points: np.ndarray) -> np.ndarray:
        """Return the first derivatives along every axis, per m or per s [field, point, axis].

        Parameters
        ----------
        points : (n, axes) array
            As for a call.
        """
        orders = np.eye(len(self.axes), dtype=int).tolist()
        return np.stack([self(points, tuple(order)) for order in orders], axis=-1)

    def save(self, file: str | Path) -> None:
        """Write a safetensors file, completely or not at all.

        Parameters
        ----------
        file : path
        """
        arrays, card = self._contents()
        write_arrays(file, arrays | {f"error.{n}": e for n, e in self.errors.items()}, card, version=self.version)

    @classmethod
    def load(cls, file: str | Path) -> Self:
        """Return the fields that `save` wrote.

        Parameters
        ----------
        file : path

        Raises
        ------
        DataError
            If the file holds something else, or was written by another version.
        """
        arrays, card = read_arrays(file, version=cls.version)
        errors = {n.removeprefix("error."): e for n, e in arrays.items() if n.startswith("error.")}
        try:
            return cls._of(arrays, card, errors)
        except DAMAGES as error:
            raise DataError(f"{file} is damaged ({error}); save the wavefield again") from None

    def _checked(self, points: np.ndarray, limits: Sequence[tuple[float, float]]) -> np.ndarray:
        """Return points as floats; refuse those of another shape or outside the limits of each axis."""
        points = np.asarray(points, float)
        if points.ndim != 2 or points.shape[1] != len(self.axes):
            raise GeometryError(
                f"points have shape {points.shape}; give ({', '.join(self.axes)}) as [n, {len(self.axes)}]"
            )
        for name, at, (low, high) in zip(self.axes, points.T, limits, strict=True):
            slack, unit = 1e-9 * (high - low), "s" if name == "t" else "m"
            outside = ~((at >= low - slack) & (at <= high + slack))
            if outside.any():
                raise GeometryError(
                    f"point {int(np.argmax(outside))} at {name} = {at[np.argmax(outside)]:g} {unit} is outside the "
                    f"wavefield ({low:g} to {high:g} {unit}); solve for a "
                    f"{'longer duration' if name == 't' else 'larger model'}"
                )
        return points


def fitting(condition: bool) -> None:
    """Refuse arrays of a file whose shapes contradict one another."""
    if not condition:
        raise ValueError("its arrays do not fit one another")


def rms(values: np.ndarray) -> np.ndarray:
    """Return root mean squares over the first axis."""
    return np.asarray(np.sqrt(np.mean(values**2, axis=0)))


def ratio(error: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Return the r.m.s. of errors over the r.m.s. of something else, over the first axis."""
    return rms(error) / np.maximum(rms(of), np.finfo(float).tiny)
