"""Projection of positions in the plane onto a section: the straight line that fits them best, or the road they follow.

The line goes through the mean of the distinct positions along their first principal axis (total least squares; Pearson
1901, doi:10.1080/14786440109462720).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree
from scipy.spatial.distance import cdist

from seisinv.core.errors import Argument, GeometryError, Message

_LOSS = 0.01  # of the mean offset, beyond which a straight line is not taken by itself
_NARROW = 0.2  # distance from a line over its length, up to which positions need not follow a road
_BESIDE = 0.05  # distance from a road over its length, up to which positions follow it
_POINTS = 200_000  # traces by which a line is fitted
_STATIONS = 400  # that a road is made of


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
    ends = [(side[:, axis].min(), side[:, axis].max()) for axis in (0, 1) for side in (source, receiver)]
    with np.errstate(all="ignore"):
        spread = [max(ends[k][1], ends[k + 1][1]) - min(ends[k][0], ends[k + 1][0]) for k in (0, 2)]
    if not np.isfinite(spread).all():
        raise GeometryError("coordinates hold values that are not finite; check the coordinate scalar")
    if spread[1] == 0:
        return Projection((0.0, float(source[0, 1])), (1.0, 0.0), 0.0, 0.0, 0.0, 0.0)
    if spread[0] == 0:
        return Projection((float(source[0, 0]), 0.0), (0.0, 1.0), 0.0, 0.0, 0.0, 0.0)
    every = max(1, len(source) // _POINTS)  # of millions, so many tell where the line runs
    points = np.concatenate([source[::every], receiver[::every]])
    points = points[np.lexsort((points[:, 1], points[:, 0]))]  # as np.unique of rows, but faster
    points = points[np.concatenate([[True], (np.diff(points, axis=0) != 0).any(axis=1)])]
    centre = points.mean(axis=0)
    direction = np.linalg.svd(points - centre, full_matrices=False)[2][0]
    direction = direction * np.sign(direction[np.argmax(np.abs(direction))])
    lowest, most, off = np.inf, 0.0, np.abs((points - centre) @ np.array([-direction[1], direction[0]]))
    for side in (source, receiver):
        x, y = side[:, 0] - centre[0], side[:, 1] - centre[1]
        lowest = min(lowest, float((x * direction[0] + y * direction[1]).min()))
        most = max(most, float(np.abs(y * direction[0] - x * direction[1]).max()))
    origin = centre + lowest * direction
    x, y = source[:, 0] - receiver[:, 0], source[:, 1] - receiver[:, 1]
    lost = np.hypot(x, y) - np.abs(x * direction[0] + y * direction[1])
    return Projection(
        (float(origin[0]) + 0.0, float(origin[1]) + 0.0),
        (float(direction[0]), float(direction[1])),
        most,
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


@dataclass(frozen=True)
class Road:
    """A line through stations: vertices [vertex, (X, Y)] in m, and how far along each is, m."""

    vertices: np.ndarray
    along: np.ndarray

    def x(self, plan: np.ndarray) -> np.ndarray:
        """Return the distance along the road of the nearest point on it, m, of positions [..., (X, Y)]."""
        start, step = self.vertices[:-1], np.diff(self.vertices, axis=0)
        distinct, back = np.unique(plan.reshape(-1, 2), axis=0, return_inverse=True)
        away = distinct[:, None] - start
        share = np.clip((away * step).sum(2) / (step**2).sum(1), 0, 1)
        off = ((away - share[..., None] * step) ** 2).sum(2)
        k = np.argmin(off, axis=1)
        x = self.along[k] + share[np.arange(len(k)), k] * np.diff(self.along)[k]
        return np.asarray(x[back.ravel()].reshape(plan.shape[:-1]))


def road_through(points: np.ndarray) -> tuple[Road, float]:
    """Return the road that positions [position, (X, Y)] follow, and how far beside it one in ten lies, m.

    The longest path in their minimum spanning tree, smoothed over five stations.
    """
    distinct = np.unique(np.round(points, 2), axis=0)
    order = distinct[np.argsort((distinct - distinct.mean(0)) @ np.linalg.svd(distinct - distinct.mean(0))[2][0])]
    stations = order[np.unique(np.linspace(0, len(order) - 1, min(_STATIONS, len(order))).astype(int))]
    tree = minimum_spanning_tree(cdist(stations, stations))
    tree = tree + tree.T
    end = int(_walk(tree, 0)[0][-1])
    reached, before = _walk(tree, end)
    path = [int(reached[-1])]
    while path[-1] != end:
        path.append(int(before[path[-1]]))
    line = stations[path]
    kernel = np.ones(5) / 5
    if len(line) > 10:
        inner = np.stack([np.convolve(line[:, k], kernel, "valid") for k in (0, 1)], 1)
        line = np.concatenate([line[:1], inner[::2], line[-1:]])
    if line[-1] @ np.ones(2) < line[0] @ np.ones(2):
        line = line[::-1]
    road = Road(line, np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))]))
    beside = np.min(cdist(stations, line), axis=1)
    return road, float(np.percentile(beside, 90))


def _walk(tree: object, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the nodes of a tree in the order of their distance from one, and the node before each."""
    length, before = dijkstra(tree, indices=start, return_predecessors=True)
    return np.argsort(length, kind="stable"), before


def onto_section(
    source: np.ndarray, receiver: np.ndarray, line: Projection, how: str | None, notes: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return x of sources and receivers [trace] on a section, m; say how, where it is not plain.

    Parameters
    ----------
    source, receiver : arrays [trace, (X, Y)], m
    line : Projection
        The straight line that fits best.
    how : "line", "offsets" or None
        As for `Reading.projection`.
    notes : list of str
        Where the sentence goes.

    Raises
    ------
    GeometryError
        If positions follow no line, and no way is chosen.
    """
    straight = line.x(source), line.x(receiver)
    if line.is_straight and how != "offsets":
        if line.direction != (1.0, 0.0):
            notes.append(line.describe())
        return straight
    offset = np.hypot(source[:, 0] - receiver[:, 0], source[:, 1] - receiver[:, 1])
    length = float(max(x.max() for x in straight) - min(x.min() for x in straight))
    loss = line.offset_lost_mean / max(float(offset.mean()), 1e-9)
    lost = f"up to {line.offset_lost_max:,.1f} m (mean {line.offset_lost_mean:,.1f} m, {loss:.1%})"
    if how == "line" or (how is None and loss <= _LOSS and line.off_line_max <= _NARROW * length):
        notes.append(line.describe())
        return straight
    road, beside = road_through(np.concatenate([source, receiver]))
    follows = beside <= _BESIDE * road.along[-1]
    if not follows and how is None:
        width = 2 * line.off_line_max
        raise GeometryError(
            f"positions fill an area of {length:,.0f} × {width:,.0f} m and follow no line: on the best one they are up "
            f"to {line.off_line_max:,.0f} m off, and offsets lose {lost}",
            remedy=(
                "keep the traces of one line of sources and receivers",
                Message("keep the offsets alone: ", Argument("data.projection", "offsets")),
            ),
        )
    x = road.x(source) if follows else straight[0]
    side = (road.x(receiver) if follows else straight[1]) - x
    notes.append(
        Message(
            f"the line bends: on a straight one offsets would lose {lost}; sources lie along the road, receivers at "
            "their true distance from each source (",
            Argument("data.projection", "line"),
            " for the straight one)",
        )
    )
    return x, x + np.where(side < 0, -offset, offset)
