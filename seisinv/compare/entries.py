"""Running the inversions of a comparison from Python, each in a run directory of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seisinv.compare.comparison import SUCCESS, Comparison, Label, evaluate
from seisinv.compare.driver import PlannedRun, run_all
from seisinv.compare.evaluator import Evaluator
from seisinv.core import ConfigError, Model, Observed
from seisinv.inversion.invert import Waveform
from seisinv.inversion.method import Method
from seisinv.inversion.optimizers import Optimizer
from seisinv.inversion.problem import Inversion
from seisinv.inversion.result import Progress
from seisinv.reconstruction.invert import Alternating
from seisinv.reconstruction.problem import WavefieldReconstruction
from seisinv.signal.processing import Band, bands_of
from seisinv.spread import Executor
from seisinv.synthetic.recipe import ModellingRecipe

Bands = Sequence[float | tuple[float, float] | Band] | None
BEYOND = (1.5, 2.0)  # corners of the hold-out band, over that of the last band


@dataclass(frozen=True, eq=False)
class Entry:
    """One method of a comparison.

    Parameters
    ----------
    problem : Inversion or WavefieldReconstruction
    optimizer : Optimizer, optional
        Of an `Inversion`.
    bands : sequence of float (Hz), (low, high) or Band, optional
        As for `invert`; for a `WavefieldReconstruction` its frequencies.
    method, start : str
        By which runs are put together; default: the entry's name, and one starting model.
    iterations : int
        Of a `WavefieldReconstruction`, at each frequency.

    Examples
    --------
    >>> import seisinv as si
    >>> from seisinv.compare import Entry
    >>> grid = si.Grid((13, 21), 20.0)
    >>> survey = si.Survey.surface(sources=si.line(100, 300, every=200, depth=20), wavelet=si.ricker(6),
    ...                            receivers=si.line(0, 400, every=40, depth=220), duration=0.5, dt=4e-3)
    >>> simulate = si.Propagator(si.Acoustic(), grid, survey, vp_max=2600)
    >>> start = si.Model(grid, vp=2000.0)
    >>> problem = si.Inversion(propagator=simulate, observed=simulate(start.replace(vp=2050.0)),
    ...                        unknown=si.unknowns.Bounded(start, vp=(1500, 2600)))
    >>> entry = Entry(problem, si.LBFGS(iterations=2), bands=[4, 8])
    >>> entry.how(budget=100).bands
    [4, 8]
    """

    problem: Inversion | WavefieldReconstruction
    optimizer: Optimizer | None = None
    bands: Bands = None
    method: str = ""
    start: str = ""
    iterations: int = 10

    def how(self, budget: int | None) -> Method:
        """Return the method that is run.

        Parameters
        ----------
        budget : int or None
            Wave-equation solves at most.

        Returns
        -------
        Method

        Raises
        ------
        ConfigError
            If the optimiser or the frequencies are missing.
        """
        if isinstance(self.problem, Inversion):
            if self.optimizer is None:
                raise ConfigError("an entry has no optimizer; give one, such as Entry(problem, LBFGS(8))")
            return Waveform(self.problem, self.optimizer, self.bands, budget)
        frequencies = [b for b in self.bands or [] if isinstance(b, int | float)]
        if not frequencies or len(frequencies) < len(self.bands or []):
            raise ConfigError(
                f"bands is {self.bands!r}; a WavefieldReconstruction needs the frequencies it solves at, Hz"
            )
        return Alternating(self.problem, frequencies, self.iterations, budget)

    @property
    def waveform(self) -> Inversion:
        """The waveform inversion whose propagator, data and wavelet evaluate models."""
        return self.problem if isinstance(self.problem, Inversion) else self.problem.waveform()


def run(
    entries: Mapping[str, Entry],
    directory: Path | str,
    *,
    budget: int | None = None,
    seeds: Sequence[int] = (0,),
    truth: Model | None = None,
    held_out: Observed | None = None,
    held_band: tuple[float, float] | None = None,
    split: float | None = None,
    success: float = SUCCESS,
    made_with: ModellingRecipe | None = None,
    progress: Progress | None = None,
    executor: Executor = None,
) -> Comparison:
    """Run several inversions of the same data under one budget, and evaluate them alike.

    Called again after an interruption, it continues; with the same entries it only reads the runs that are there.

    Parameters
    ----------
    entries : mapping of str to Entry
        By name, all on one grid and over the same data; the first one's problem evaluates all models.
    directory : path
        Every run is kept in a folder of it.
    budget : int, optional
        Wave-equation solves of each run.
    seeds : sequence of int
        Every entry runs with each.
    truth : Model, optional
        Only measured against.
    held_out : Observed, optional
        Hold-out shots, which are only predicted.
    held_band : (low, high), Hz, optional
        Frequencies that are only predicted; default: 1.5 to 2 times the corner of the last band.
    split, success, made_with
        As for `evaluate`.
    progress : callable, optional
        As for `invert`; not called by runs that workers do as a whole.
    executor : optional
        As for `run_all`.

    Returns
    -------
    Comparison

    Raises
    ------
    ConfigError
        If there are no entries, or one of them cannot be run.
    RunError
        If the runs are over different data or grids.

    Examples
    --------
    >>> import tempfile
    >>> from dataclasses import replace
    >>> import seisinv as si
    >>> from seisinv.compare import Entry, run
    >>> grid = si.Grid((13, 21), 20.0)
    >>> survey = si.Survey.surface(sources=si.line(100, 300, every=200, depth=20), wavelet=si.ricker(6),
    ...                            receivers=si.line(0, 400, every=40, depth=220), duration=0.5, dt=4e-3)
    >>> simulate = si.Propagator(si.Acoustic(), grid, survey, vp_max=2600)
    >>> start, truth = (si.Model(grid, vp=vp) for vp in (2000.0, 2050.0))
    >>> problem = si.Inversion(propagator=simulate, observed=simulate(truth),
    ...                        unknown=si.unknowns.Bounded(start, vp=(1500, 2600)))
    >>> entries = {"none": Entry(problem, si.LBFGS(2)), "smooth": Entry(replace(problem, smooth=20), si.LBFGS(2))}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = run(entries, folder, budget=20, truth=truth)
    >>> [entry.label.name for entry in found.everything]
    ['start', 'truth', 'none', 'smooth']
    >>> all(entry.scores.cost.solves <= 20 for entry in found.runs)
    True
    """
    if not entries:
        raise ConfigError("entries is empty; give at least one Entry by name")
    first = next(iter(entries.values()))
    evaluator = evaluator_of(first.waveform, first.bands, held_out=held_out, held_band=held_band, executor=executor)

    def planned(label: Label, entry: Entry) -> PlannedRun:
        place = (Path(directory) / folder_name(label.name)).resolve()
        return PlannedRun(label, place, _Work(entry.how(budget), place, label.seed, truth, progress))

    records = run_all([planned(label, entry) for label, entry in _labelled(entries, seeds)], executor)
    return evaluate(
        records,
        evaluator=evaluator,
        truth=truth,
        water=evaluator.problem.water_cells,
        split=split,
        success=success,
        made_with=made_with,
    )


@dataclass(frozen=True, eq=False)
class _Work:
    """A run of an entry."""

    method: Method
    place: Path
    seed: int
    truth: Model | None
    progress: Progress | None

    def __call__(self, resume: bool, executor: Executor) -> None:
        """Do it, or go on with it."""
        self.method.run(
            {
                "run_directory": self.place,
                "resume": resume,
                "progress": self.progress,
                "seed": self.seed,
                "truth": self.truth,
                "executor": executor,
            }
        )

    def __getstate__(self) -> dict[str, object]:
        """Return what travels: reports of progress stay here."""
        return {**vars(self), "progress": None}


def _labelled(entries: Mapping[str, Entry], seeds: Sequence[int]) -> Iterator[tuple[Label, Entry]]:
    """Yield every run."""
    for name, entry in entries.items():
        for seed in seeds:
            full = name if len(seeds) == 1 else f"{name}, seed {seed}"
            yield Label(full, entry.method or name, entry.start, seed), entry


def folder_name(name: str) -> str:
    """Return a name that every file system takes."""
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.") or "run"


def evaluator_of(
    problem: Inversion,
    bands: Bands,
    *,
    held_out: Observed | None = None,
    held_band: tuple[float, float] | None = None,
    executor: Executor = None,
) -> Evaluator:
    """Return the evaluator of a problem, with its last band and a hold-out band above it.

    Parameters
    ----------
    problem, bands
        As for `Entry`.
    held_out : Observed, optional
        Hold-out shots.
    held_band : (low, high), Hz, optional
        Default: 1.5 to 2 times the corner of the last band, where the data are sampled finely enough.
    executor : optional
        Where shots are predicted; see `seisinv.spread`.

    Returns
    -------
    Evaluator

    Raises
    ------
    ConfigError
        If `held_band` is beyond the Nyquist frequency of the data.
    """
    nyquist = problem.observed.survey.time.nyquist
    last = bands_of(bands, nyquist)[-1]
    if held_band is not None:
        low, high = held_band
        if not high <= nyquist:
            raise ConfigError(
                f"held_band reaches {high:g} Hz; the data hold nothing above {nyquist:g} Hz (half the sampling)"
            )
        return Evaluator(problem=problem, band=last, held_band=Band(high, low), held_out=held_out, executor=executor)
    beyond = None if last is None else Band(BEYOND[1] * last.high, BEYOND[0] * last.high)
    if beyond is not None and beyond.high > nyquist:
        beyond = None
    return Evaluator(problem=problem, band=last, held_band=beyond, held_out=held_out, executor=executor)
