"""The recorded data of a job: which shots are inverted, which are kept back, and which frequencies they hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from seisinv.core import ConfigError, DataError, Observed, Survey
from seisinv.jobs.settings import Settings

if TYPE_CHECKING:
    from seisinv.io import Line


@dataclass(frozen=True, eq=False)
class Thinned:
    """Some shots of a line, still on disk."""

    line: Observed
    shots: tuple[int, ...]
    survey: Survey

    def __len__(self) -> int:
        return len(self.shots)

    def __getitem__(self, shots: Any) -> Any:
        index = list(range(len(self))[shots]) if isinstance(shots, slice) else shots
        return self.line[[self.shots[int(i)] for i in index]]


def open_data(settings: Settings) -> Observed:
    """Open the observed data, samples still on disk."""
    from seisinv import io

    data = settings.data
    if data.path is None:
        raise ConfigError("data.path is missing; name the SEG-Y, SU or SEG-2 file to invert")
    line: Line = io.open_line(
        data.path if len(data.path) > 1 else data.path[0],
        headers=data.headers,
        units=data.units,
        coordinate_units=data.coordinate_units,
        vertical=data.vertical,
        datum=data.datum,
        shots_by=data.shots_by,
    )
    if data.every == 1 and data.held_out is None:
        return line
    return _some(line, _parted(settings, len(line))[0])


def held_out(settings: Settings, inverted: Observed) -> Observed | None:
    """Return the shots that are kept back, None if there are none.

    Parameters
    ----------
    settings : Settings
    inverted : Observed
        What `open_data` has returned.
    """
    if settings.data.held_out is None or not isinstance(inverted, Thinned):
        return None
    return _some(inverted.line, _parted(settings, len(inverted.line))[1])


def _some(line: Observed, shots: tuple[int, ...]) -> Thinned:
    return Thinned(line, shots, line.survey.subset(shots))


def _parted(settings: Settings, count: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shots to invert and those kept back: the middle one of every n."""
    used, n = range(0, count, settings.data.every), settings.data.held_out
    if n is None:
        return tuple(used), ()
    kept = tuple(used[n // 2 :: n])
    if not kept:
        raise ConfigError(
            f"data.held_out is {n}, but there are only {len(used)} shots; use {max(2, len(used))} or less"
        )
    return tuple(k for k in used if k not in kept), kept


def usable_band(observed: Observed) -> tuple[float, float, float]:
    """Return the lowest frequency at 10 % of the peak amplitude, the peak, and the highest at 10 %, Hz.

    From up to five shots of the data.
    """
    step = max(1, len(observed) // 5)
    gathers = observed[list(range(0, len(observed), step))[:5]]
    traces = gathers.data[gathers.live].numpy()
    if not traces.any():
        raise DataError("no live trace holds a signal; check the file with `seisinv info`")
    amplitude = np.abs(np.fft.rfft(traces, axis=-1))
    scale = amplitude.max(axis=-1, keepdims=True)
    mean = (amplitude / np.where(scale > 0, scale, 1)).mean(axis=0)
    frequency = np.fft.rfftfreq(traces.shape[-1], gathers.survey.time.step)
    width = max(1, round(0.5 / frequency[1]))
    mean = np.convolve(mean, np.ones(width) / width, mode="same")
    mean[0] = 0.0
    loud = np.flatnonzero(mean > 0.1 * mean.max())
    return float(frequency[max(loud[0], 1)]), float(frequency[np.argmax(mean)]), float(frequency[loud[-1]])
