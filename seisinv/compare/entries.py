"""Running the inversions of a comparison from Python, each in a run directory of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from seisinv.compare.comparison import SUCCESS, Comparison, Label, judged
from seisinv.compare.judge import Judge
from seisinv.core import ConfigError, Model, Observed
from seisinv.inversion import Inversion, Optimizer
from seisinv.inversion.invert import Waveform
from seisinv.inversion.method import Method
from seisinv.inversion.result import Progress
from seisinv.reconstruction import WavefieldReconstruction
from seisinv.reconstruction.invert import Alternating
from seisinv.runs import read_run
from seisinv.signal.processing import Band, bands_of
from seisinv.synthetic.recipe import ModellingRecipe

Bands = Sequence[float | tuple[float, float] | Band] | None
BEYOND = (1.5, 2.0)  # corners of the band kept back, over that of the last band


@dataclass(frozen=True, eq=False)
class Entry:
    """One method of a comparison.

    Parameters
    ----------
    problem : Inversion or WavefieldReconstruction
    optimizer : Optimizer, optional
        Of an `Inversion`.
    bands : as for `Inversion.run`; for `WavefieldReconstruction` its frequencies
    method, start : str
        By which runs are put together; default: the entry's name, and one start.
    iterations : int
        Of a `WavefieldReconstruction`.
    """

    problem: Inversion | WavefieldReconstruction
    optimizer: Optimizer | None = None
    bands: Bands = None
    method: str = ""
    start: str = ""
    iterations: int = 10

    def how(self, budget: int | None) -> Method:
        """Return what is run."""
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
    def judging(self) -> Inversion:
        """The waveform inversion whose propagator, data and wavelet judge models."""
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
) -> Comparison:
    """Run several inversions of the same data under one budget, and judge them alike.

    Called again after an interruption, it goes on where it was; with the same entries it only reads what is there.

    Parameters
    ----------
    entries : Entry by name
        All on one grid and over the same data; the first one's problem judges all models.
    directory : path
        Every run is kept in a folder of it.
    budget : int, optional
        Wave-equation solves of each run.
    seeds : sequence of int
        Every entry runs with each.
    truth : Model, optional
        Only measured against.
    held_out : Observed, optional
        Shots that are only predicted.
    held_band : (low, high), Hz, optional
        Frequencies that are only predicted; default: 1.5 to 2 times the corner of the last band.
    split, success, made_with : as for `judged`
    progress : callable, optional
        As for `Inversion.run`.

    Raises
    ------
    RunError
        If the runs are over different data or grids.
    """
    if not entries:
        raise ConfigError("entries is empty; give at least one Entry by name")
    first = next(iter(entries.values()))
    judge = judge_of(first.judging, first.bands, held_out=held_out, held_band=held_band)
    records = {}
    for label, entry in _labelled(entries, seeds):
        place = Path(directory) / folder_name(label.name)
        resume = (place / "run.toml").exists()
        entry.how(budget).run(
            {"run_directory": place, "resume": resume, "progress": progress, "seed": label.seed, "truth": truth}
        )
        records[label] = read_run(place)
    return judged(
        records,
        judge=judge,
        truth=truth,
        water=judge.problem.water_cells,
        split=split,
        success=success,
        made_with=made_with,
    )


def _labelled(entries: Mapping[str, Entry], seeds: Sequence[int]) -> Iterator[tuple[Label, Entry]]:
    """Yield every run."""
    for name, entry in entries.items():
        for seed in seeds:
            full = name if len(seeds) == 1 else f"{name}, seed {seed}"
            yield Label(full, entry.method or name, entry.start, seed), entry


def folder_name(name: str) -> str:
    """Return a name that every file system takes."""
    return re.sub(r"[^\w.+-]+", "-", name).strip("-.") or "run"


def judge_of(
    problem: Inversion,
    bands: Bands,
    *,
    held_out: Observed | None = None,
    held_band: tuple[float, float] | None = None,
) -> Judge:
    """Return the judge of a problem: its last band, and a band above it that was not inverted.

    Parameters
    ----------
    problem, bands : as for `Entry`
    held_out : Observed, optional
    held_band : (low, high), Hz, optional
        Default: 1.5 to 2 times the corner of the last band, where the data are sampled finely enough.
    """
    nyquist = problem.observed.survey.time.nyquist
    last = bands_of(bands, nyquist)[-1]
    if held_band is not None:
        low, high = held_band
        if not high <= nyquist:
            raise ConfigError(
                f"held_band reaches {high:g} Hz; the data hold nothing above {nyquist:g} Hz (half the sampling)"
            )
        return Judge(problem=problem, band=last, held_band=Band(high, low), held_out=held_out)
    beyond = None if last is None else Band(BEYOND[1] * last.high, BEYOND[0] * last.high)
    if beyond is not None and beyond.high > nyquist:
        beyond = None
    return Judge(problem=problem, band=last, held_band=beyond, held_out=held_out)
