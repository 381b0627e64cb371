"""Several inversions of the same data, side by side: checked that they can be compared, and evaluated alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from seisinv.compare.evaluator import Evaluator, Prediction, data_scores
from seisinv.compare.robust import PairedRuns, Robustness, paired, robustness
from seisinv.compare.scores import Scores, model_scores
from seisinv.core import Model, RunError, TimeAxis
from seisinv.metrics.wavenumber import default_split
from seisinv.report.measure import bad_end, measure
from seisinv.runs.record import RunRecord
from seisinv.signal.processing import Band
from seisinv.synthetic.recipe import ModellingRecipe, inverse_crime

SUCCESS = 0.65


@dataclass(frozen=True)
class Label:
    """Names a run of a comparison.

    Parameters
    ----------
    name : str
        Of the run, as the table shows it.
    method, start : str
        By which runs are put together: what inverts, and the starting model.
    seed : int

    Examples
    --------
    >>> from seisinv.compare import Label
    >>> Label("TV, seed 1", method="TV", seed=1).start
    ''
    """

    name: str
    method: str
    start: str = ""
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Evaluated:
    """A run, or a model beside the runs (start, truth), with its scores.

    Parameters
    ----------
    label : Label
    model : Model
        The result of the run.
    scores : Scores
    run : RunRecord, optional
        None for the starting model and the truth.
    prediction : Prediction, optional
        The data in the model; None where they are not predicted.

    Examples
    --------
    >>> import seisinv as si
    >>> from seisinv.compare import Evaluated, Label, Scores
    >>> start = Evaluated(Label("start", "start"), si.Model(si.Grid((3, 4), 10.0), vp=2000.0), Scores())
    >>> start.run is None
    True
    """

    label: Label
    model: Model
    scores: Scores
    run: RunRecord | None = None
    prediction: Prediction | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs over the same data on one grid, with their scores; made by `evaluate` or `run`.

    Parameters
    ----------
    runs : tuple of Evaluated
    references : tuple of Evaluated
        Starting models, and the truth where it is known.
    truth : Model or None
    split : float, m
        Wavelength that separates low from high wavenumbers.
    data_range : float, m/s
        R of SSIM and PSNR.
    water : bool array [z, x] or None
        Cells that no run may change.
    band, held_band : Band or None
        Last band of the inversion, and the hold-out band.
    time : TimeAxis or None
        Of the data.
    success : float
        A run converges if its error falls to this share of the start's.
    robustness, pairs : tuple of Robustness, tuple of PairedRuns
        Of methods, where there are several seeds or starts.
    warnings : tuple of str
        What a reader must know to interpret the table.
    notes : tuple of str
        What was chosen by the program.

    Examples
    --------
    >>> import numpy as np, seisinv as si
    >>> from pathlib import Path
    >>> from seisinv.compare import Label, evaluate
    >>> from seisinv.runs import RunRecord
    >>> start = si.Model(si.Grid((12, 16), 20.0), vp=2000.0)
    >>> truth = start.replace(vp=2000 + 10 * np.arange(16) * np.ones((12, 1)))
    >>> record = RunRecord(Path("run"), {}, (), start, start.replace(vp=start.vp + 70), truth=truth)
    >>> comparison = evaluate({Label("TV", "TV"): record})
    >>> [entry.label.name for entry in comparison.everything]
    ['start', 'truth', 'TV']
    """

    runs: tuple[Evaluated, ...]
    references: tuple[Evaluated, ...]
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
    notes: tuple[str, ...] = ()

    @property
    def everything(self) -> tuple[Evaluated, ...]:
        """References and runs, as the table shows them."""
        return (*self.references, *self.runs)

    @property
    def bad_ends(self) -> list[str]:
        """What is wrong with the results of runs, one sentence for each run that ended badly."""
        return _bad_ends(self.runs)


def evaluate(
    records: Mapping[Label, RunRecord],
    *,
    evaluator: Evaluator | None = None,
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
    records : mapping of Label to RunRecord
        Run directories in memory.
    evaluator : Evaluator, optional
        Predicts the data in every model; without one only models and costs are compared.
    truth : Model, optional
        Default: that of the runs, if they have one.
    water : bool array [z, x], optional
        Cells that no run may change.
    split : float, m, optional
        Wavelength that separates low from high wavenumbers; default: the longest wavelength in the data.
    success : float
        A run converges if its error falls to this share of the start's.
    made_with : ModellingRecipe, optional
        How the data were modelled, if they are synthetic.
    notes : sequence of str
        For the page.

    Returns
    -------
    Comparison

    Raises
    ------
    RunError
        If the runs are over different data, grids or truths.

    Examples
    --------
    >>> import numpy as np, seisinv as si
    >>> from pathlib import Path
    >>> from seisinv.compare import Label, evaluate
    >>> from seisinv.runs import RunRecord
    >>> start = si.Model(si.Grid((12, 16), 20.0), vp=2000.0)
    >>> truth = start.replace(vp=2000 + 10 * np.arange(16) * np.ones((12, 1)))
    >>> records = {
    ...     Label(name, name): RunRecord(Path(name), {}, (), start, truth.replace(vp=truth.vp + error), truth=truth)
    ...     for name, error in (("TV", 20), ("Tikhonov", 30))
    ... }
    >>> [round(run.scores.model.rmse) for run in evaluate(records).runs]
    [20, 30]
    """
    check_comparable({label.name: record for label, record in records.items()})
    first = next(iter(records.values()))
    truth = next((r.truth for r in records.values() if r.has_truth), None) if truth is None else truth
    records = {label: replace(record, truth=truth) for label, record in records.items()}
    lowest = next((row["band"] for row in first.history), None)
    split = default_split(first.start, lowest) if split is None else split
    reach = 0.0 if truth is None else float(truth[truth.leading].max() - truth[truth.leading].min())
    measure = _Measure(evaluator, truth, water, split, reach)
    starts: dict[str, Evaluated] = {}
    for label, record in records.items():
        if label.start not in starts:
            of_start = Label(f"start {label.start}".strip(), "start", label.start)
            starts[label.start] = measure.evaluated(of_start, record.start)
    runs = [measure.evaluated(label, r.result, starts[label.start], run=r) for label, r in records.items()]
    references = [*starts.values()]
    if truth is not None:
        references.append(measure.evaluated(Label("truth", "truth"), truth, references[0]))
    points = _points(runs, starts)
    spread = {m: list(p.values()) for m, p in points.items()}
    return Comparison(
        runs=tuple(runs),
        references=tuple(references),
        truth=truth,
        split=split,
        data_range=reach,
        water=water,
        band=None if evaluator is None else evaluator.band,
        held_band=None if evaluator is None else evaluator.held_band,
        time=None if evaluator is None else evaluator.problem.observed.survey.time,
        success=success,
        robustness=tuple(robustness(m, s, success=success) for m, s in spread.items() if s),
        pairs=tuple(paired(points)) if any(len(s) > 1 for s in spread.values()) else (),
        warnings=tuple(_warnings(runs, evaluator, made_with)),
        notes=tuple(notes),
    )


@dataclass(frozen=True, eq=False)
class _Measure:
    """What all models are measured with and against."""

    evaluator: Evaluator | None
    truth: Model | None
    water: np.ndarray | None
    split: float
    data_range: float

    def evaluated(
        self, label: Label, model: Model, start: Evaluated | None = None, *, run: RunRecord | None = None
    ) -> Evaluated:
        """Return a model with its scores; `start` is None for a starting model."""
        prediction = None if self.evaluator is None else self.evaluator.predict(model)
        before = prediction if start is None else start.prediction
        data = None if prediction is None or before is None else data_scores(prediction, before)
        scores = Scores(data=data, cost=None if run is None else run.cost)
        if self.truth is not None:
            begun = None if start is None or run is None else start.model
            how: dict[str, Any] = {"start": begun, "split": self.split, "data_range": self.data_range}
            scores = replace(scores, model=model_scores(model, self.truth, **how))
            if self.water is not None and self.water.any() and not self.water.all():
                scores = replace(scores, rock=model_scores(model, self.truth, mask=~self.water, **how))
        return Evaluated(label, model, scores, run, prediction)


def score(entry: Evaluated, start: Evaluated) -> float | None:
    """Return a run's error over its start's: of the model if a truth is known, else of the hold-out shots."""
    ours, before = entry.scores.rock or entry.scores.model, start.scores.rock or start.scores.model
    if ours is not None and before is not None:
        return ours.rmse / before.rmse if before.rmse else 1.0
    if entry.scores.data is None:
        return None
    d = entry.scores.data
    return d.ratio if d.held_shots_ratio is None else d.held_shots_ratio


def score_name(comparison: Comparison) -> str:
    """Return what `score` measures, in words."""
    if comparison.truth is not None:
        return "RMSE of the model over that of its starting model"
    return f"misfit of the {'hold-out' if has_hold_out(comparison) else 'inverted'} shots over that of the start"


def has_hold_out(comparison: Comparison) -> bool:
    """Return whether there are shots that no run has inverted."""
    return any(r.scores.data is not None and r.scores.data.held_shots is not None for r in comparison.runs)


def _points(runs: Sequence[Evaluated], starts: Mapping[str, Evaluated]) -> dict[str, dict[tuple[str, int], float]]:
    """Return the scores by method, start and seed."""
    points: dict[str, dict[tuple[str, int], float]] = {}
    for run in runs:
        value = score(run, starts[run.label.start])
        if value is not None:
            points.setdefault(run.label.method, {})[run.label.start, run.label.seed] = value
    return points


def check_comparable(records: Mapping[str, RunRecord]) -> None:
    """Check that runs are over the same data, grid and truth.

    Parameters
    ----------
    records : mapping of str to RunRecord
        By the name that a refusal mentions.

    Raises
    ------
    RunError
        With what differs.

    Examples
    --------
    >>> import seisinv as si
    >>> from pathlib import Path
    >>> from seisinv.compare import check_comparable
    >>> from seisinv.runs import RunRecord
    >>> coarse, fine = (si.Model(si.Grid(shape, h), vp=2000.0) for shape, h in (((3, 5), 20.0), ((5, 9), 10.0)))
    >>> runs = {name: RunRecord(Path(name), {}, (), m, m) for name, m in (("a", coarse), ("b", fine))}
    >>> check_comparable(runs)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    seisinv.core.errors.RunError: a and b are on different grids: 3 × 5 nodes of 20 × 20 m from (0.0, 0.0) m and ...
    """
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
            raise RunError(f"{name} and {other} have different true models; compare runs of one true model")


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


def _bad_ends(runs: Sequence[Evaluated]) -> list[str]:
    found = {r.label.name: measure(r.run).faults for r in runs if r.run is not None}
    return [bad_end(faults, name) for name, faults in found.items() if faults]


def _warnings(runs: Sequence[Evaluated], evaluator: Evaluator | None, made_with: ModellingRecipe | None) -> list[str]:
    out = _bad_ends(runs)
    if evaluator is not None:
        problem = evaluator.problem
        out += [w for w in [inverse_crime(made_with, problem.propagator, problem.unknown.start)] if w is not None]
    records = {r.label.name: r.run for r in runs if r.run is not None}
    budgets = {name: r.settings.get("job", {}).get("budget", "none") for name, r in records.items()}
    if len(set(map(str, budgets.values()))) > 1:
        each = ", ".join(f"{name}: {value}" for name, value in budgets.items())
        out.append(f"The runs had different budgets of wave-equation solves ({each}); compare their costs as well.")
    elif "none" in budgets.values() and len(runs) > 1:
        out.append("The runs had no budget of wave-equation solves; compare their costs as well.")
    return out + [
        f"{name} is not finished: its numbers are those of its last update."
        for name, r in records.items()
        if r.cost is None
    ]


def names_of(directories: Sequence[Path]) -> list[str]:
    """Return short names of run directories, all different."""
    whole = [p.resolve() for p in directories]
    for parts in range(1, max(len(p.parts) for p in whole) + 1):
        names = ["/".join(p.parts[-parts:]) for p in whole]
        if len(set(names)) == len(names):
            return names
    raise RunError(f"{directories[0]} is named twice; name different run directories")
