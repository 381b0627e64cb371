"""What a run directory holds, read back as one object."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seisinv.core import Grid, Model, RunError, TimeAxis
from seisinv.core.files import parsed, read_text
from seisinv.runs.cost import Cost, read_cost
from seisinv.runs.directory import RECORD, iterate_name, read_arrays, read_record, undamaged
from seisinv.runs.fit import DataFit, read_fit
from seisinv.runs.uncertainty import FILE, Uncertainty, read_ensemble

MEASURED = ("iteration", "misfit", "solves", "seconds")  # in every row of a history


@dataclass(frozen=True)
class ShownGathers:
    """Some shots as observed, and as predicted before and after the inversion, filtered and muted alike.

    Parameters
    ----------
    observed, before, after : (shot, receiver, time) array
    offsets : (shot, receiver) array, m
    live : (shot, receiver) bool array
    shots : tuple of int
        Their indices in the survey.
    time : TimeAxis
    components : (shot, receiver) array of str, optional
        What each trace measures, where there are several components.
    """

    observed: np.ndarray
    before: np.ndarray
    after: np.ndarray
    offsets: np.ndarray
    live: np.ndarray
    shots: tuple[int, ...]
    time: TimeAxis
    components: np.ndarray | None = None

    def parts(self, shot: int) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the components of a shot, "" where there is only one, with masks of their live traces.

        Parameters
        ----------
        shot : int
            Place in the arrays.
        """
        names = self.components
        for name in [""] if names is None else dict.fromkeys(names[shot][self.live[shot]].tolist()):
            yield name, self.live[shot] if names is None else self.live[shot] & (names[shot] == name)


@dataclass(frozen=True)
class RunRecord:
    """A run directory in memory; parts that the run has not written yet are None or empty.

    Parameters
    ----------
    directory : Path
    settings : mapping
        Tables of run.toml.
    history : tuple of mapping
        Rows of history.jsonl, one per accepted iteration.
    start, result : Model
        Starting model, and latest model.
    truth : Model, optional
        True model, where it is known.
    gathers : ShownGathers, optional
    wavelets : mapping of (time,) array
        Estimated wavelets by band.
    wavelet_time : TimeAxis, optional
        Of the wavelets.
    wavelet_spread : (time,) array, optional
        Standard error of a wavelet that all bands share, from shot to shot.
    ensemble : Uncertainty, optional
    cost : Cost, optional
        None where the run has not ended.
    fit : DataFit, optional
        None where it was not evaluated.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import seisinv as si
    >>> from seisinv.runs import RunRecord
    >>> start = si.Model(si.Grid((3, 4), 10.0), vp=2000.0)
    >>> record = RunRecord(Path("run"), {}, (), start, start.replace(vp=2050.0), truth=start.replace(vp=2100.0))
    >>> record.has_truth
    True
    """

    directory: Path
    settings: Mapping[str, Any]
    history: tuple[Mapping[str, Any], ...]
    start: Model
    result: Model
    truth: Model | None = None
    gathers: ShownGathers | None = None
    wavelets: Mapping[str, np.ndarray] = field(default_factory=dict)
    wavelet_time: TimeAxis | None = None
    wavelet_spread: np.ndarray | None = None
    ensemble: Uncertainty | None = None
    cost: Cost | None = None
    fit: DataFit | None = None

    @property
    def has_truth(self) -> bool:
        """Whether the true model is known on the grid of the models."""
        return self.truth is not None and self.truth.grid.shape == self.start.grid.shape

    def iterate(self, row: int) -> Model | None:
        """Return the model of a row of the history.

        Parameters
        ----------
        row : int
            From 0.

        Returns
        -------
        Model or None
            None where the run has not kept it.
        """
        return _model(self.directory / "models" / iterate_name(row))

    @property
    def settings_text(self) -> str:
        """The resolved configuration as it stands in run.toml."""
        return (self.directory / RECORD).read_text(encoding="utf-8")


def read_run(directory: str | os.PathLike[str]) -> RunRecord:
    """Read a run directory.

    Parameters
    ----------
    directory : path

    Returns
    -------
    RunRecord

    Raises
    ------
    RunError
        If it is not a run directory, or a file in it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> import seisinv as si
    >>> from seisinv.runs import RunDirectory, read_run
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = RunDirectory.open(folder, fingerprint={"data": "3f2a"}, settings={"run": {"seed": 1}}, resume=False)
    ...     run.write_model("start.npz", si.Model(si.Grid((3, 4), 10.0), vp=2000.0))
    ...     record = read_run(folder)
    >>> record.settings["run"]["seed"], record.start.grid.shape, record.cost
    (1, (3, 4), None)
    """
    directory = Path(directory)
    if not (directory / RECORD).is_file():
        raise RunError(f"{directory} is not a run directory: it holds no {RECORD}; name the directory of a run")
    start = _model(directory / "start.npz")
    if start is None:
        raise RunError(
            f"{directory} holds no start.npz yet; the run stopped before its first iteration: start it again"
        )
    wavelets, time, spread = _wavelets(directory / "wavelets.npz")
    history, result, cost = _history(directory / "history.jsonl"), _model(directory / "model.npz"), read_cost(directory)
    models = len(list((directory / "models").glob("row-*.npz")))
    if cost is not None and (result is None or len(history) < models):
        what = "model.npz" if result is None else f"{models - len(history)} rows of history.jsonl"
        raise RunError(f"{directory} has ended, but {what} is gone", remedy="resume the run to write it again")
    return RunRecord(
        directory,
        read_record(directory / RECORD),
        history,
        start,
        result or start,
        truth=_model(directory / "truth.npz"),
        gathers=_gathers(directory / "gathers.npz"),
        wavelets=wavelets,
        wavelet_time=time,
        wavelet_spread=spread,
        ensemble=read_ensemble(directory / FILE) if (directory / FILE).is_file() else None,
        cost=cost,
        fit=read_fit(directory),
    )


def _model(path: Path) -> Model | None:
    arrays = read_arrays(path, "spacing", "origin")
    if arrays is None:
        return None
    with undamaged(path):
        spacing, origin = arrays.pop("spacing").tolist(), arrays.pop("origin").tolist()
        arrays = {name: values for name, values in arrays.items() if values.ndim == len(spacing)}
        shape = next(iter(arrays.values()), np.zeros(0)).shape
        return Model(Grid(shape, spacing, origin), **arrays)


def _gathers(path: Path) -> ShownGathers | None:
    names = ("observed", "before", "after", "offsets", "live")
    arrays = read_arrays(path, *names, "shots", "dt")
    if arrays is None:
        return None
    with undamaged(path):
        shape = arrays["observed"].shape
        if len(shape) != 3 or any(arrays[n].shape != shape[: arrays[n].ndim] or not arrays[n].ndim for n in names):
            raise ValueError(f"shapes differ: {', '.join(f'{n} {arrays[n].shape}' for n in names)}")
        time = TimeAxis(float(arrays["dt"]), shape[-1], float(arrays.get("start", 0.0)))
        shots = tuple(int(k) for k in arrays["shots"])
        components = arrays.get("components")
        if components is not None and components.shape != shape[:2]:
            raise ValueError(f"components are {components.shape}, the traces {shape[:2]}")
        return ShownGathers(**{n: arrays[n] for n in names}, shots=shots, time=time, components=components)


def _wavelets(path: Path) -> tuple[dict[str, np.ndarray], TimeAxis | None, np.ndarray | None]:
    arrays = read_arrays(path, "dt")
    if arrays is None:
        return {}, None, None
    with undamaged(path):
        spread = arrays.pop("spread", None)
        dt, start = float(arrays.pop("dt")), float(arrays.pop("start", np.array(0.0)))
        # One wavelet for all shots, or one per shot and source: the first stands for all.
        samples = {_band_name(name): values.reshape(-1, values.shape[-1])[0] for name, values in arrays.items()}
        lengths = {len(w) for w in samples.values()}
        if len(lengths) != 1 or (spread is not None and spread.shape != (*lengths,)):
            raise ValueError("it must hold wavelets of one length")
        return samples, TimeAxis(dt, lengths.pop(), start), spread


def _band_name(label: str) -> str:
    """Turn a file's label, 003.00Hz, into words."""
    try:
        return f"up to {float(label.removesuffix('Hz')):g} Hz"
    except ValueError:
        return "all frequencies"


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _history(path: Path) -> tuple[dict[str, Any], ...]:
    if not path.is_file():
        return ()
    records = []
    with undamaged(path):
        for number, text in enumerate(read_text(path).splitlines(), 1):
            row = parsed(json.loads, text, f"JSON in line {number}")
            lacking = [n for n in MEASURED if not isinstance(row, dict) or not _is_finite(row.get(n))]
            if lacking:
                raise ValueError(f"line {number} has no number as {', '.join(lacking)}")
            records.append(row)
    return tuple(records)
