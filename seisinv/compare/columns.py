"""The columns of the table, said once: what the page shows, what CSV and JSON are called, what is better."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from seisinv.compare.card import Scores
from seisinv.compare.comparison import Comparison, Judged, score_name


@dataclass(frozen=True)
class Column:
    """A number of the report card.

    Parameters
    ----------
    key : str
        Its name in CSV.
    group, title, unit : str
        As the page shows it.
    value : function of the card; None where it is not known
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

    def text(self, card: Scores) -> str:
        """Return the number as the page shows it."""
        value = self.value(card)
        if value is None or math.isnan(value):
            return "–"
        return "∞" if math.isinf(value) else f"{value * self.factor:,.{self.digits}f}"


def _resolved(half: float | None) -> float | None:
    return None if not half else 1 / half


_MORE = ("mae", "psnr")


def _model(part: str, group: str, main: bool) -> list[Column]:
    """Return the columns of the scores of a model, all cells ("model") or without water ("rock")."""

    def of(name: str) -> Callable[[Scores], float | None]:
        def value(card: Scores) -> float | None:
            scores = getattr(card, part)
            return None if scores is None else getattr(scores, name)

        return value

    def half(card: Scores) -> float | None:
        return _resolved(of("half_wavenumber")(card))

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
    note = "wavelength at which the coherence with the truth falls to one half; –: it does not"
    return [*columns, Column(f"{part}_resolved", group, "resolves", "m", half, 0, "low", main, note)]


def _data() -> list[Column]:
    def of(name: str) -> Callable[[Scores], float | None]:
        return lambda card: None if card.data is None else getattr(card.data, name)

    table: list[tuple[str, str, str, int, float, bool, str]] = [
        ("misfit", "unexplained", "%", 2, 100, True, "energy left in the inverted shots, last band"),
        ("ratio", "of start", "%", 1, 100, False, "the same over that of the start model"),
        ("held_shots", "held-out shots", "%", 2, 100, True, "energy left in the shots kept back, last band"),
        ("held_shots_ratio", "of start", "%", 1, 100, False, "the same over that of the start model"),
        ("held_band", "held-out band", "%", 2, 100, True, "energy left at frequencies that were not inverted"),
        ("delay_median", "delay, median", "periods", 3, 1, False, "absolute traveltime residual of a trace"),
        ("delay_high", "delay, 95 %", "periods", 3, 1, True, "95th percentile of the traveltime residuals"),
        ("skipped", "skipped", "%", 1, 100, True, "traces off by more than half a period"),
    ]
    return [
        Column(f"data_{name}", "data", title, unit, of(name), digits, "low", main, note, factor)
        for name, title, unit, digits, factor, main, note in table
    ]


def _cost() -> list[Column]:
    def of(name: str) -> Callable[[Scores], float | None]:
        return lambda card: None if card.cost is None else getattr(card.cost, name)

    table: list[tuple[str, str, str, int, float, bool, str]] = [
        ("solves", "solves", "", 0, 1, True, "wave equations solved: one per shot and simulation, two per gradient"),
        ("recomputed", "repeated", "", 0, 1, False, "forward runs repeated because not every step was kept"),
        ("seconds", "time", "s", 1, 1, True, "by the clock, other work on the machine included"),
        ("cpu_seconds", "CPU time", "s", 1, 1, False, "of all threads"),
        ("peak_memory", "memory", "MB", 0, 1e-6, False, "largest resident memory of the process"),
    ]
    return [
        Column(f"cost_{name}", "cost", title, unit, of(name), digits, "low", main, note, factor)
        for name, title, unit, digits, factor, main, note in table
    ]


def columns(comparison: Comparison) -> list[Column]:
    """Return the columns that hold a number for some run."""
    rock = any(entry.card.rock is not None for entry in comparison.runs)
    every = [*_model("rock", "model below the water", True), *_model("model", "model", not rock), *_data(), *_cost()]
    return [c for c in every if any(c.value(entry.card) is not None for entry in comparison.runs)]


def as_text(comparison: Comparison) -> str:
    """Return the main columns as lines of text, as wide as they need to be."""
    shown = [c for c in columns(comparison) if c.main]
    heads = [["run", *(c.title for c in shown)], ["", *(c.unit for c in shown)]]
    rows = [*heads, *([e.label.name, *(c.text(e.card) for c in shown)] for e in comparison.everything)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]

    def line(row: list[str]) -> str:
        padded = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        return "  ".join([row[0].ljust(widths[0]), *padded[1:]]).rstrip()

    return "\n".join(map(line, rows))


def as_csv(comparison: Comparison) -> str:
    """Return one line per run, start model and truth, numbers in SI units (delays in periods, shares from 0 to 1)."""
    stream, shown = io.StringIO(), columns(comparison)
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["name", "method", "start", "seed", *(c.key for c in shown)])
    for entry in comparison.everything:
        values = [c.value(entry.card) for c in shown]
        seed = "" if entry.run is None else entry.label.seed
        labels = [entry.label.name, entry.label.method, entry.label.start, seed]
        writer.writerow([*labels, *("" if v is None else repr(float(v)) for v in values)])
    return stream.getvalue()


def as_json(comparison: Comparison) -> str:
    """Return everything the table and the curves hold, SI units."""
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


def _entry(entry: Judged) -> dict[str, Any]:
    out: dict[str, Any] = {**asdict(entry.label), "card": asdict(entry.card)}
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
