"""Models and gathers that the page draws, rounded and thinned so that the page stays small.

Models are whole numbers of 16 bits over their common range, gathers of 8 bits; both travel as base64. The page says by
how much they were thinned. The sum stays below about 10 MB whatever the sizes.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from seisinv.compare.comparison import Comparison, Evaluated
from seisinv.compare.evaluator import ShownShot
from seisinv.core import Model
from seisinv.plot.models import stretch, value_range

STEPS = 20  # models of each run, start and result included
RUNS = 12  # shown at most; the table holds all
CELLS = 3_000_000  # of all models together
SAMPLES = 3_000_000  # of all gathers together
TRACES = 120  # of a shot


def shown_runs(comparison: Comparison) -> tuple[Evaluated, ...]:
    """Return the runs whose models and gathers are shown: first those of the first start and seed, at most `RUNS`."""
    seen: set[str] = set()
    first: list[Evaluated] = []
    rest: list[Evaluated] = []
    for run in comparison.runs:
        (rest if run.label.method in seen else first).append(run)
        seen.add(run.label.method)
    kept = [*first, *rest][:RUNS]
    return tuple(run for run in comparison.runs if run in kept)


def models(comparison: Comparison) -> dict[str, Any]:
    """Return the models of all runs at several steps, of start and truth, on one colour scale."""
    runs = shown_runs(comparison)
    sequences = [_steps(run) for run in runs]
    starts = [r.model for r in comparison.references if r.label.method == "start"]
    start = {r.label.start: k for k, r in enumerate(x for x in comparison.references if x.label.method == "start")}
    truth = [] if comparison.truth is None else [comparison.truth]
    every = [*truth, *starts, *(m for steps in sequences for m, _ in steps)]
    grid = every[0].grid
    thin = max(1, math.ceil(math.sqrt(len(every) * _section(every[0]).size / CELLS)))
    sections = [_section(m)[::thin, ::thin] for m in every]
    final = [_section(m) for m in (*truth, *starts, *(r.model for r in runs))]
    low, high = min(float(s.min()) for s in sections), max(float(s.max()) for s in sections)
    reach = (high - low) or 1.0
    against = _section(truth[0]) if truth else _section(starts[0])
    change = max(float(np.percentile(np.abs(s - against), 99.5)) for s in final) or 0.1 * reach
    packed = [_base64(((s - low) / reach * 65535).round().astype("<u2")) for s in sections]
    offset = len(truth) + len(starts)
    out: list[dict[str, Any]] = []
    for run, steps in zip(runs, sequences, strict=True):
        rows = [{**row, "values": packed[offset + k]} for k, (_, row) in enumerate(steps)]
        offset += len(steps)
        out.append({"name": run.label.name, "start": start[run.label.start], "steps": rows})
    return {
        "shape": list(sections[0].shape),
        "spacing": [grid.spacing[0] * thin, grid.spacing[-1] * thin],
        "origin": [grid.origin[0], grid.origin[-1]],
        "extent": [list(grid.extent[0]), list(grid.extent[-1])],
        "stretch": stretch(grid),
        "thinned": thin,
        "low": low,
        "high": high,
        "scale": list(value_range(final)),
        "change": change,
        "truth": packed[0] if truth else None,
        "starts": packed[len(truth) : len(truth) + len(starts)],
        "runs": out,
        "maps": {"value": _colours("viridis"), "change": _colours("RdBu_r")},
    }


def _steps(run: Evaluated) -> list[tuple[Model, dict[str, Any]]]:
    """Return some models of a run with their rows of the history: start, ends of bands, result, and between."""
    record = run.run
    assert record is not None  # only references have none
    rows = record.history
    if not rows:
        return [(run.model, {"band": None, "iteration": 0, "solves": 0, "seconds": 0, "rmse": None})]
    ends = [k for k in range(len(rows) - 1) if rows[k]["band"] != rows[k + 1]["band"]]
    between = np.linspace(0, len(rows) - 1, max(2, STEPS - len(ends))).round().astype(int)
    out = []
    for k in sorted({0, len(rows) - 1, *ends, *map(int, between)}):
        last = k == len(rows) - 1
        model = run.model if last else record.iterate(k)
        if model is None:
            continue
        row = rows[k]
        shown = {key: row[key] for key in ("band", "iteration", "solves", "seconds")}
        out.append((model, {**shown, "rmse": row.get("model_rmse")}))
    return out


def gathers(comparison: Comparison) -> dict[str, Any] | None:
    """Return some shots, observed and as every run predicts them; None where data are not predicted."""
    runs = [r for r in (*comparison.references, *shown_runs(comparison)) if r.prediction is not None]
    if not runs or runs[0].prediction is None:
        return None
    observed = runs[0].prediction.observed
    predicted = [r.prediction.shots for r in runs if r.prediction is not None]
    time = comparison.time
    if time is None:
        return None
    top = None if comparison.band is None else 1.5 * comparison.band.high
    # Four samples per shortest period show a wave as it is.
    stride = 1 if top is None else max(1, int(0.25 / (top * time.step)))
    samples = len(range(0, time.samples, stride))
    total = len(observed) * (1 + len(predicted)) * min(TRACES, max(len(s.data) for s in observed)) * samples
    fewer = max(1, math.ceil(total / SAMPLES))
    shots = [
        _packed(shot, [p[k] for p in predicted], stride=stride, traces=max(1, TRACES // fewer))
        for k, shot in enumerate(observed)
    ]
    return {
        "runs": [r.label.name for r in runs],
        "step": time.step * stride,
        "start": time.start,
        "samples": samples,
        "shots": shots,
    }


def _packed(shot: ShownShot, predicted: Sequence[ShownShot], *, stride: int, traces: int) -> dict[str, Any]:
    """Return a shot as small whole numbers: every trace over its own RMS, 64 the 97th percentile of the observed."""
    thin = max(1, math.ceil(len(shot.data) / traces))
    order = np.argsort(shot.offsets, kind="stable") if np.isfinite(shot.offsets).all() else np.arange(len(shot.data))
    chosen = order[::thin]
    weight = np.sqrt((shot.data[chosen] ** 2).mean(axis=1, keepdims=True))
    weight = np.where(weight > 0, weight, 1.0)
    scaled = shot.data[chosen, ::stride] / weight
    top = float(np.percentile(np.abs(scaled), 97)) if scaled.size else 0.0
    top = top or 1.0

    def small(data: np.ndarray) -> str:
        return _base64(np.clip(np.round(64 * data / top), -127, 127).astype(np.int8))

    return {
        "number": shot.number,
        "held": shot.held_out,
        "traces": len(chosen),
        "thinned": thin,
        "offsets": [round(float(x), 2) if math.isfinite(x) else None for x in shot.offsets[chosen]],
        "observed": small(scaled),
        "predicted": [small(p.data[chosen, ::stride] / weight) for p in predicted],
    }


def _section(model: Model) -> np.ndarray:
    from seisinv.plot.models import section

    return section(model, model.leading).astype(float)


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def _colours(name: str) -> str:
    """Return 256 colours of a map of matplotlib as one text of hexadecimal digits."""
    import matplotlib

    table = (255 * matplotlib.colormaps[name](np.arange(256))[:, :3]).round().astype(np.uint8)
    return table.tobytes().hex()
