"""Several inversions of the same data, side by side: checked that they can be compared, judged alike, put in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seisinv.compare.card import Scores, model_scores
from seisinv.compare.judge import Judge, Seen, data_scores
from seisinv.compare.robust import PairedRuns, Robustness, paired, robustness
from seisinv.core import Model, RunError, TimeAxis
from seisinv.metrics.wavenumber import default_split
from seisinv.runs import RunRecord
from seisinv.signal.processing import Band
from seisinv.synthetic.recipe import ModellingRecipe, inverse_crime

SUCCESS = 0.65


@dataclass(frozen=True)
class Label:
    """Which run of a comparison: its name, and what of it is method, start model and seed."""

    name: str
    method: str
    start: str = ""
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Judged:
    """A run, or a model beside the runs (start, truth), with its report card."""

    label: Label
    model: Model
    card: Scores
    run: RunRecord | None = None
    seen: Seen | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs over the same data on one grid, with their report cards.

    Parameters
    ----------
    runs : one Judged per run
    references : start models, and the truth where it is known
    truth : Model or None
    split : float, m
        Wavelength that parts low from high wavenumbers.
    data_range : float, m/s
        R of SSIM and PSNR.
    water : bool array [z, x] or None
        Cells that no run may change.
    band, held_band : Band or None
        What data are judged in.
    time : TimeAxis or None
        Of the data.
    success : float
        A run converges if its error falls to this share of the start's.
    robustness, pairs : by method, where there are several seeds or starts
    warnings : what a reader must know before believing the table
    """

    runs: tuple[Judged, ...]
    references: tuple[Judged, ...]
    truth: Model | None
    split: float
    data_range: float
    water: np.ndarray | None = None
    band: Band | None = None
    held_band: Band | None = None
    time: TimeAxis | None = None
    success: float = SUCCESS
    robustness: tuple[Robustness, ...] = ()
    pairs: tuple[PairedRuns, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def everything(self) -> tuple[Judged, ...]:
        """References and runs, as the table shows them."""
        return (*self.references, *self.runs)


def judged(
    records: Mapping[Label, RunRecord],
    *,
    judge: Judge | None = None,
    truth: Model | None = None,
    water: np.ndarray | None = None,
    split: float | None = None,
    success: float = SUCCESS,
    made_with: ModellingRecipe | None = None,
    notes: Sequence[str] = (),
) -> Comparison:
    """Compare runs.

    Parameters
    ----------
    records : run directories in memory, by label
    judge : Judge, optional
        Predicts the data in every model; without one only models and costs are compared.
    truth : Model, optional
        Default: that of the runs, if they have one.
    water : bool array [z, x], optional
    split : float, m, optional
        Default: the longest wavelength in the data.
    success : float
    made_with : ModellingRecipe, optional
        How the data were modelled, if they were.
    notes : sequence of str

    Raises
    ------
    RunError
        If the runs are over different data, grids or truths.
    """
    check_comparable({label.name: record for label, record in records.items()})
    first = next(iter(records.values()))
    truth = next((r.truth for r in records.values() if r.has_truth), None) if truth is None else truth
    starts: dict[str, tuple[Model, Seen | None]] = {}
    for label, record in records.items():
        if label.start not in starts:
            starts[label.start] = record.start, None if judge is None else judge.see(record.start)
    lowest = next((row["band"] for row in first.history), None)
    split = default_split(first.start, lowest) if split is None else split
    reach = 0.0 if truth is None else float(truth.vp.max() - truth.vp.min())
    scores = _Scores(truth, water, split, reach)
    runs = []
    for label, record in records.items():
        start, before = starts[label.start]
        seen = None if judge is None else judge.see(record.result)
        card = scores.card(record.result, start, seen, before)
        card = Scores(card.model, card.rock, card.data, record.cost)
        runs.append(Judged(label, record.result, card, record, seen))
    references = [
        Judged(Label(f"start {name}".strip(), "start", name), m, scores.card(m, None, seen, seen), None, seen)
        for name, (m, seen) in starts.items()
    ]
    if truth is not None:
        seen = None if judge is None else judge.see(truth)
        before = next(iter(starts.values()))[1]
        references.append(Judged(Label("truth", "truth"), truth, scores.card(truth, None, seen, before), None, seen))
    points = _points(runs, references)
    spread = {m: list(p.values()) for m, p in points.items()}
    return Comparison(
        tuple(runs), tuple(references), truth, split, reach, water,
        None if judge is None else judge.band, None if judge is None else judge.held_band,
        None if judge is None else judge.problem.observed.survey.time, success,
        tuple(robustness(m, s, success=success) for m, s in spread.items() if s),
        tuple(paired(points)) if any(len(s) > 1 for s in spread.values()) else (),
        tuple(_warnings(runs, judge, made_with)), tuple(notes),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Scores:
    """What all models are measured against."""

    truth: Model | None
    water: np.ndarray | None
    split: float
    data_range: float

    def card(self, model: Model, start: Model | None, seen: Seen | None, before: Seen | None) -> Scores:
        """Return the report card of a model, without its cost."""
        data = None if seen is None or before is None else data_scores(seen, before)
        if self.truth is None:
            return Scores(data=data)
        how: dict[str, Any] = {"start": start, "split": self.split, "data_range": self.data_range}
        whole = model_scores(model, self.truth, **how)
        wet = self.water is not None and bool(self.water.any()) and not bool(self.water.all())
        rock = model_scores(model, self.truth, mask=~self.water, **how) if wet and self.water is not None else None
        return Scores(whole, rock, data)


def score(entry: Judged, start: Judged) -> float | None:
    """Return a run's error over its start's: of the model if a truth is known, else of the shots kept back."""
    ours, before = entry.card.rock or entry.card.model, start.card.rock or start.card.model
    if ours is not None and before is not None:
        return ours.rmse / before.rmse if before.rmse else 1.0
    if entry.card.data is None:
        return None
    d = entry.card.data
    return d.ratio if d.held_shots_ratio is None else d.held_shots_ratio


def score_name(comparison: Comparison) -> str:
    """Return what `score` measures, in words."""
    if comparison.truth is not None:
        return "RMSE of the model over that of its start"
    held = any(r.card.data is not None and r.card.data.held_shots is not None for r in comparison.runs)
    return f"misfit of the shots {'kept back' if held else 'inverted'} over that of its start"


def _points(runs: Sequence[Judged], references: Sequence[Judged]) -> dict[str, dict[tuple[str, int], float]]:
    """Return the scores by method, start and seed."""
    start = {r.label.start: r for r in references if r.label.method == "start"}
    points: dict[str, dict[tuple[str, int], float]] = {}
    for run in runs:
        value = score(run, start[run.label.start])
        if value is not None:
            points.setdefault(run.label.method, {})[run.label.start, run.label.seed] = value
    return points


def check_comparable(records: Mapping[str, RunRecord]) -> None:
    """Raise RunError where runs are over different data, grids or truths, saying what differs."""
    if not records:
        raise RunError("nothing to compare; name at least one run directory or [[compare.run]]")
    (name, first), *others = records.items()
    for other, record in others:
        a, b = first.start.grid, record.start.grid
        if a != b:
            raise RunError(
                f"{name} and {other} are on different grids: {_grid(a)} and {_grid(b)}; compare runs on one grid"
            )
        differ = _data_differences(first.settings, record.settings)
        if differ:
            raise RunError(f"{name} and {other} are over different data: {differ}; compare runs over the same data")
        if first.truth is not None and record.truth is not None and not _same(first.truth, record.truth):
            raise RunError(f"{name} and {other} have different true models; compare runs over the same earth")


def _data_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> str:
    ours, theirs = (s.get("job", {}) for s in (a, b))
    if ours.get("fingerprint", {}).get("data") == theirs.get("fingerprint", {}).get("data"):
        return ""
    found = []
    for key in ("path", "every", "held_out"):
        x, y = (s.get("data", {}).get(key) for s in (a, b))
        if x != y:
            shown = ["none" if v is None else ", ".join(v) if isinstance(v, list) else str(v) for v in (x, y)]
            found.append(f"data.{key} is {shown[0]} and {shown[1]}")
    if ours.get("shots") != theirs.get("shots"):
        found.append(f"{ours.get('shots')} and {theirs.get('shots')} shots are inverted")
    return ", ".join(found) or "positions, times or samples differ"


def _grid(grid: Any) -> str:
    nodes = " × ".join(map(str, grid.shape))
    return f"{nodes} nodes of {' × '.join(f'{h:g}' for h in grid.spacing)} m from {tuple(grid.origin)} m"


def _same(a: Model, b: Model) -> bool:
    return set(a) == set(b) and all(bool((a[n] == b[n]).all()) for n in a)


def _warnings(runs: Sequence[Judged], judge: Judge | None, made_with: ModellingRecipe | None) -> list[str]:
    out = []
    budgets = {r.label.name: r.run.settings.get("job", {}).get("budget", "none") for r in runs if r.run is not None}
    if len(set(map(str, budgets.values()))) > 1:
        each = ", ".join(f"{name}: {value}" for name, value in budgets.items())
        out.append(f"The runs had different budgets of wave-equation solves ({each}); look at the cost of each.")
    elif "none" in budgets.values() and len(runs) > 1:
        out.append("The runs had no budget of wave-equation solves; look at the cost of each.")
    out += [
        f"{r.label.name} is not finished: its numbers are those of its last update."
        for r in runs
        if r.run is not None and r.run.cost is None
    ]
    out += [f"{r.label.name} {r.run.cost.note}" for r in runs if r.run is not None and r.run.cost and r.run.cost.note]
    committed = (
        None if judge is None else inverse_crime(made_with, judge.problem.propagator, judge.problem.unknown.start)
    )
    return out if committed is None else [committed, *out]


def names_of(directories: Sequence[Path]) -> list[str]:
    """Return short names of run directories that tell them apart."""
    whole = [p.resolve() for p in directories]
    for parts in range(1, max(len(p.parts) for p in whole) + 1):
        names = ["/".join(p.parts[-parts:]) for p in whole]
        if len(set(names)) == len(names):
            return names
    raise RunError(f"{directories[0]} is named twice; name different run directories")
