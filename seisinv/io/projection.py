"""Projection of positions in the plane onto the straight line that fits them best.

The line goes through the mean of the distinct positions along their first principal axis (total least squares; Pearson
1901, doi:10.1080/14786440109462720).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seisinv.core.errors import GeometryError


@dataclass(frozen=True)
class Projection:
    """The 2-D line of a survey: x = (position − origin) · direction.

    Parameters
    ----------
    origin : (X, Y), m
        Where x = 0 in the file's coordinates.
    direction : (X, Y)
        Unit vector of increasing x.
    off_line_max, off_line_mean : float, m
        Distance from positions to the line.
    offset_lost_max, offset_lost_mean : float, m
        By how much source-receiver distances shrink.

    Examples
    --------
    >>> Projection((0.0, 0.0), (0.0, 1.0), 0.0, 0.0, 0.0, 0.0).x(np.array([[5.0, 20.0]])).tolist()
    [20.0]
    """

    origin: tuple[float, float]
    direction: tuple[float, float]
    off_line_max: float
    off_line_mean: float
    offset_lost_max: float
    offset_lost_mean: float

    def x(self, plan: np.ndarray) -> np.ndarray:
        """Return the coordinate along the line, m, of positions in the plane.

        Parameters
        ----------
        plan : array [..., (X, Y)], m

        Returns
        -------
        array [...], m
        """
        if self.direction == (1.0, 0.0) and self.origin[0] == 0.0:
            return plan[..., 0]
        return (plan[..., 0] - self.origin[0]) * self.direction[0] + (plan[..., 1] - self.origin[1]) * self.direction[1]

    @property
    def is_straight(self) -> bool:
        """Whether no position is more than a centimetre off the line."""
        return self.off_line_max < 0.01

    def describe(self) -> str:
        """Return in one sentence where the line runs and what the projection lost.

        Returns
        -------
        str
        """
        azimuth = np.degrees(np.arctan2(self.direction[0], self.direction[1])) % 360
        start = f"({self.origin[0]:,.2f}, {self.origin[1]:,.2f})"
        if self.is_straight:
            return f"x runs along a straight line from {start}, azimuth {azimuth:.1f}°"
        return (
            f"projected onto the best-fit line from {start}, azimuth {azimuth:.1f}°: positions are up to "
            f"{self.off_line_max:.1f} m off it (mean {self.off_line_mean:.1f} m), offsets lose up to "
            f"{self.offset_lost_max:.1f} m (mean {self.offset_lost_mean:.1f} m)"
        )


def best_line(source: np.ndarray, receiver: np.ndarray) -> Projection:
    """Fit a line to source and receiver positions [trace, (X, Y)], m.

    Where all Y are equal x is X, unchanged; where all X are equal it is Y. Else x is 0 at the first projected
    position and grows with the larger of X and Y.
    """
    points = np.concatenate([source, receiver])
    with np.errstate(all="ignore"):
        spread = np.ptp(points, axis=0)
    if not np.isfinite(spread).all():
        raise GeometryError("coordinates hold values that are not finite; check the coordinate scalar")
    if spread[1] == 0:
        return Projection((0.0, float(points[0, 1])), (1.0, 0.0), 0.0, 0.0, 0.0, 0.0)
    if spread[0] == 0:
        return Projection((float(points[0, 0]), 0.0), (0.0, 1.0), 0.0, 0.0, 0.0, 0.0)
    points = points[np.lexsort((points[:, 1], points[:, 0]))]  # as np.unique of rows, but faster
    points = points[np.concatenate([[True], (np.diff(points, axis=0) != 0).any(axis=1)])]
    centre = points.mean(axis=0)
    direction = np.linalg.svd(points - centre, full_matrices=False)[2][0]
    direction = direction * np.sign(direction[np.argmax(np.abs(direction))])
    along = (points - centre) @ direction
    off = np.abs((points - centre) @ np.array([-direction[1], direction[0]]))
    origin = centre + along.min() * direction
    lost = np.linalg.norm(source - receiver, axis=1) - np.abs((source - receiver) @ direction)
    return Projection(
        (float(origin[0]) + 0.0, float(origin[1]) + 0.0),
        (float(direction[0]), float(direction[1])),
        float(off.max()),
        float(off.mean()),
        float(max(lost.max(), 0.0)),
        float(max(lost.mean(), 0.0)),
    )


def to_metres(places: np.ndarray) -> np.ndarray:
    """Return (X, Y) in metres of longitudes and latitudes in degrees, east and north of their mean.

    On the plane that touches the ellipsoid WGS 84 there; over 100 km distances are right to about 1 in 10 000.

    Parameters
    ----------
    places : array [..., (longitude, latitude)], degrees
    """
    semi_major, squared_eccentricity = 6_378_137.0, 6.694_379_990_14e-3
    flat = places.reshape(-1, 2)
    middle = 0.5 * (flat.min(axis=0) + flat.max(axis=0))
    sine = np.sin(np.radians(middle[1]))
    across = 1 - squared_eccentricity * sine**2
    north = semi_major * (1 - squared_eccentricity) / across**1.5
    east = semi_major / across**0.5 * np.cos(np.radians(middle[1]))
    return np.asarray(np.radians(places - middle) * np.array([east, north]))
