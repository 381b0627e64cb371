"""The columns of the table: titles on the page, keys in CSV and JSON, and which values are better."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

from seisinv.compare.comparison import Comparison, Evaluated, score_name
from seisinv.compare.scores import Scores


@dataclass(frozen=True)
class Column:
    """A score as the table shows it.

    Parameters
    ----------
    key : str
        Its name in CSV.
    group, title, unit : str
        As the page shows it.
    value : function of the scores
        Returns None where it is not known.
    digits : int
        After the point.
    best : "low", "high" or ""
    main : bool
        Whether it is shown before one asks for all.
    note : str
    factor : float
        From the SI unit to the one shown.
    """

    key: str
    group: str
    title: str
    unit: str
    value: Callable[[Scores], float | None]
    digits: int = 2
    best: str = "low"
    main: bool = True
    note: str = ""
    factor: float = 1.0

    def text(self, scores: Scores) -> str:
        """Return the number as the page shows it."""
        value = self.value(scores)
        if value is None or math.isnan(value):
            return "–"
        return "∞" if math.isinf(value) else f"{value * self.factor:,.{self.digits}f}"


def _of(part: str, name: str) -> Callable[[Scores], float | None]:
    """Return a function that takes a number out of a part of the scores."""

    def value(scores: Scores) -> float | None:
        found = getattr(scores, part)
        return None if found is None else getattr(found, name)

    return value


def _resolved(half: float | None) -> float | None:
    return None if not half else 1 / half


_MORE = ("mae", "psnr")


def _model(part: str, group: str, main: bool) -> list[Column]:
    """Return the columns of the scores of a model, all cells ("model") or without water ("rock")."""
    of = partial(_of, part)

    def half(scores: Scores) -> float | None:
        return _resolved(of("half_wavenumber")(scores))

    table: list[tuple[str, str, str, int, str, str]] = [
        ("rmse", "RMSE", "m/s", 1, "low", "root mean square error of vp"),
        ("mae", "MAE", "m/s", 1, "low", "mean absolute error of vp"),
        ("ssim", "SSIM", "", 3, "high", "structural similarity, 11 × 11 Gaussian window, σ 1.5 cells (Wang 2004)"),
        ("psnr", "PSNR", "dB", 1, "high", "data range over RMSE"),
        ("update_correlation", "update", "", 3, "high", "correlation of the update with the one that was needed"),
        ("low_rmse", "RMSE long", "m/s", 1, "low", "error in wavelengths longer than the split"),
        ("high_rmse", "RMSE short", "m/s", 1, "low", "error in wavelengths shorter than the split"),
    ]
    columns = [
        Column(f"{part}_{name}", group, title, unit, of(name), digits, best, main and name not in _MORE, note)
        for name, title, unit, digits, best, note in table
    ]
    if not main:  # where there is water: the report's error
        columns[0] = replace(columns[0], title="RMSE, all cells", main=True)
    note = "wavelength at which the coherence with the truth falls to one half; –: it does not"
    return [*columns, Column(f"{part}_resolved", group, "resolves", "m", half, 0, "low", main, note)]


Table = list[tuple[str, str, str, int, float, bool, str]]


def _data_and_cost() -> list[Column]:
    data: Table = [
        ("misfit", "unexplained", "%", 2, 100, True, "energy left in the inverted shots, last band"),
        ("ratio", "of start", "%", 1, 100, False, "the same over that of the starting model"),
        ("held_shots", "hold-out shots", "%", 2, 100, True, "energy left in the hold-out shots, last band"),
        ("held_shots_ratio", "of start", "%", 1, 100, False, "the same over that of the starting model"),
        ("held_band", "hold-out band", "%", 2, 100, True, "energy left at frequencies that were not inverted"),
        ("delay_median", "delay, median", "periods", 3, 1, False, "absolute traveltime residual of a trace"),
        ("delay_high", "delay, 95 %", "periods", 3, 1, True, "95th percentile of the traveltime residuals"),
        ("skipped", "skipped", "%", 1, 100, True, "traces off by more than half a period"),
    ]
    cost: Table = [
        ("solves", "solves", "", 0, 1, True, "wave equations solved: one per shot and simulation, two per gradient"),
        ("recomputed", "repeated", "", 0, 1, False, "forward runs repeated because not every step was kept"),
        ("seconds", "time", "s", 1, 1, True, "by the clock, other work on the machine included"),
        ("cpu_seconds", "CPU time", "s", 1, 1, False, "of all threads"),
        ("peak_memory", "memory", "MB", 0, 1e-6, False, "largest resident memory of the process"),
    ]
    return [
        Column(f"{part}_{name}", part, title, unit, _of(part, name), digits, "low", main, note, factor)
        for part, table in (("data", data), ("cost", cost))
        for name, title, unit, digits, factor, main, note in table
    ]


def columns(comparison: Comparison) -> list[Column]:
    """Return the columns that hold a number for some run.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    list of Column
        In the order of the table.

    Examples
    --------
    >>> import numpy as np, seisinv as si
    >>> from pathlib import Path
    >>> from seisinv.compare import Label, columns, evaluate
    >>> from seisinv.runs import RunRecord
    >>> start = si.Model(si.Grid((12, 16), 20.0), vp=2000.0)
    >>> truth = start.replace(vp=2000 + 10 * np.arange(16) * np.ones((12, 1)))
    >>> record = RunRecord(Path("run"), {}, (), start, start.replace(vp=start.vp + 70), truth=truth)
    >>> comparison = evaluate({Label("TV", "TV"): record})
    >>> [column.key for column in columns(comparison)][:3]
    ['model_rmse', 'model_mae', 'model_ssim']
    """
    rock = any(entry.scores.rock is not None for entry in comparison.runs)
    every = [*_model("rock", "model below the water", True), *_model("model", "model", not rock), *_data_and_cost()]
    return [c for c in every if any(c.value(entry.scores) is not None for entry in comparison.runs)]


def as_text(comparison: Comparison) -> str:
    """Return the main columns of the table as text.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    str
        A line for each row.

    Examples
    --------
    >>> import numpy as np, seisinv as si
    >>> from pathlib import Path
    >>> from seisinv.compare import Label, as_text, evaluate
    >>> from seisinv.runs import RunRecord
    >>> start = si.Model(si.Grid((12, 16), 20.0), vp=2000.0)
    >>> truth = start.replace(vp=2000 + 10 * np.arange(16) * np.ones((12, 1)))
    >>> record = RunRecord(Path("run"), {}, (), start, start.replace(vp=start.vp + 70), truth=truth)
    >>> comparison = evaluate({Label("TV", "TV"): record})
    >>> for line in as_text(comparison).splitlines():
    ...     print(line[:20].rstrip())
    run    RMSE   SSIM
            m/s
    start  88.0  0.104
    truth   0.0  1.000
    TV     46.4  0.104
    """
    shown = [c for c in columns(comparison) if c.main]
    heads = [["run", *(c.title for c in shown)], ["", *(c.unit for c in shown)]]
    rows = [*heads, *([e.label.name, *(c.text(e.scores) for c in shown)] for e in comparison.everything)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]

    def line(row: list[str]) -> str:
        padded = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        return "  ".join([row[0].ljust(widths[0]), *padded[1:]]).rstrip()

    return "\n".join(map(line, rows))


def as_csv(comparison: Comparison) -> str:
    """Return the table as CSV, in SI units (delays in periods, shares from 0 to 1).

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    str
        A line for each starting model, the truth and each run.

    Examples
    --------
    >>> import numpy as np, seisinv as si
    >>> from pathlib import Path
    >>> from seisinv.compare import Label, as_csv, evaluate
    >>> from seisinv.runs import RunRecord
    >>> start = si.Model(si.Grid((12, 16), 20.0), vp=2000.0)
    >>> truth = start.replace(vp=2000 + 10 * np.arange(16) * np.ones((12, 1)))
    >>> record = RunRecord(Path("run"), {}, (), start, start.replace(vp=start.vp + 70), truth=truth)
    >>> comparison = evaluate({Label("TV", "TV"): record})
    >>> as_csv(comparison).splitlines()[-1][:9]
    'TV,TV,,0,'
    """
    stream, shown = io.StringIO(), columns(comparison)
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["name", "method", "start", "seed", *(c.key for c in shown)])
    for entry in comparison.everything:
        values = [c.value(entry.scores) for c in shown]
        seed = "" if entry.run is None else entry.label.seed
        labels = [entry.label.name, entry.label.method, entry.label.start, seed]
        writer.writerow([*labels, *("" if v is None else repr(float(v)) for v in values)])
    return stream.getvalue()


def as_json(comparison: Comparison) -> str:
    """Return the numbers of the table and the curves as JSON, in SI units.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    str

    Examples
    --------
    >>> import numpy as np, seisinv as si
    >>> from pathlib import Path
    >>> from seisinv.compare import Label, as_json, evaluate
    >>> from seisinv.runs import RunRecord
    >>> start = si.Model(si.Grid((12, 16), 20.0), vp=2000.0)
    >>> truth = start.replace(vp=2000 + 10 * np.arange(16) * np.ones((12, 1)))
    >>> record = RunRecord(Path("run"), {}, (), start, start.replace(vp=start.vp + 70), truth=truth)
    >>> comparison = evaluate({Label("TV", "TV"): record})
    >>> import json
    >>> round(json.loads(as_json(comparison))["runs"][0]["card"]["model"]["mae"], 1)
    40.0
    """
    return json.dumps(_finite(tables(comparison)), indent=1, allow_nan=False) + "\n"


def tables(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison as nested tables of plain numbers and texts."""
    c = comparison
    return {
        "split": c.split,
        "data_range": c.data_range,
        "water_cells": 0 if c.water is None else int(c.water.sum()),
        "band": repr(c.band),
        "held_band": repr(c.held_band),
        "success": {"score": score_name(c), "at_most": c.success},
        "warnings": list(c.warnings),
        "notes": list(c.notes),
        "runs": [_entry(entry) for entry in c.runs],
        "references": [_entry(entry) for entry in c.references],
        "robustness": [{**asdict(r), "probability": r.probability} for r in c.robustness],
        "pairs": [asdict(p) for p in c.pairs],
    }


def _entry(entry: Evaluated) -> dict[str, Any]:
    out: dict[str, Any] = {**asdict(entry.label), "card": asdict(entry.scores)}
    if entry.run is not None:
        s = entry.run.settings
        out |= {"directory": str(entry.run.directory), "history": list(entry.run.history)}
        out |= {"job": s.get("job", {}), "versions": s.get("versions", {})}
    return out


def _finite(value: Any) -> Any:
    """Replace what JSON cannot hold by null."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
