"""`seisinv check`: stability, sampling of the waves, memory, time, and how good the starting model is.

A trace is cycle-skipped where the starting model's arrival is off by more than half a period: descent then moves it to
the wrong cycle (Virieux & Operto 2009, doi:10.1190/1.3238367).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from seisinv.core import Message, Model
from seisinv.inversion import Inversion
from seisinv.inversion.problem import BATCH
from seisinv.inversion.tasks import best_wavelets
from seisinv.inversion.wavelet import collected, described
from seisinv.jobs import build
from seisinv.jobs.prepare import prepare
from seisinv.jobs.prepared import Prepared, problem_of, some_shots
from seisinv.jobs.progress import clock
from seisinv.jobs.settings import UPDATES, Settings
from seisinv.jobs.trials import seconds_per_shot
from seisinv.signal import SkipShare, cycle_skip_share
from seisinv.signal.processing import Band, bands_of
from seisinv.spread import TaskRunner

SHOTS = 6  # that the check looks at
POINTS = 3.0  # per shortest wavelength
FEW, MANY = 0.1, 0.3  # shares of cycle-skipped traces: below good, from there too far


class Failure(str):
    """A line that says why a job should not run as it is."""


def check_job(settings: Settings) -> Iterator[str]:
    """Yield lines of text about a job, from a few of its shots.

    Parameters
    ----------
    settings : Settings
    """
    # A starting model from first breaks is made here, where the run will find it.
    build.check_cluster_of(settings)
    prepared = prepare(settings)
    with build.cluster_of(settings, submit=False) as there:
        yield from _lines(prepared, there)


def _lines(prepared: Prepared, spread: TaskRunner) -> Iterator[str]:
    survey, grid = prepared.observed.survey, prepared.start.grid
    few = some_shots(prepared, SHOTS)
    problem = problem_of(few)  # before the first line: what cannot work is refused in a single one
    record = f"{survey.time.end:g} s at {survey.time.step * 1e3:g} ms"
    yield f"shots        {len(survey)}, up to {survey.max_receivers} receivers, {record}"
    spans = zip(grid.axes, grid.extent, strict=True)
    extents = ", ".join(f"{a} {low:,.0f} to {high:,.0f} m" for a, (low, high) in spans)
    nodes, spacing = " × ".join(map(str, grid.shape)), " × ".join(f"{h:g}" for h in grid.spacing)
    yield f"grid         {nodes} nodes of {spacing} m: {extents}"
    yield from (Message("chosen       ", note) for note in prepared.notes)
    yield from solver_lines(prepared)
    yield memory_line(prepared)
    bands = bands_of(prepared.chosen.bands, survey.time.nyquist)
    yield time_line(prepared, problem)
    found_wavelet = start_wavelet(problem, few.start, spread)
    if found_wavelet is not None:
        told, _ = described(found_wavelet, few.observed.survey.source_time)
        yield f"in the starting model, {told}; the run searches it"
    yield f"starting model: share of traces off by more than half a period, from {len(few.observed)} shots:"
    found = cycle_skips(
        problem,
        few.start,
        [b for b in bands if b is not None],
        None if found_wavelet is None else found_wavelet["wavelet"],
    )
    for skips in found:
        verdict = (
            "good"
            if skips.share < FEW
            else "doubtful"
            if skips.share < MANY
            else "too far: begin lower, improve it, or set continuation.kind"
            if problem.continuation is None
            else "too far for waveforms: the continuation begins with traveltimes"
        )
        yield (
            f"  up to {skips.band:5.3g} Hz   {skips.share:6.1%}   median shift {skips.median_delay * 1e3:4.0f} ms, "
            f"half a period {skips.period / 2 * 1e3:4.0f} ms   {verdict}"
        )
    faults = []
    if (points := points_per_wavelength(prepared)) < POINTS:
        faults.append(f"{points:.1f} points per shortest wavelength, fewer than {POINTS:g}")
    # Higher bands begin in the result of the lower ones; a continuation takes care of the first.
    if found and found[0].share >= MANY and problem.continuation is None:
        faults.append(f"{found[0].share:.0%} of the traces are off by more than half a period in the first band")
    yield Failure(f"check        failed: {'; '.join(faults)}") if faults else "check        passed"


def points_per_wavelength(prepared: Prepared) -> float:
    """Return the points per shortest wavelength of the highest frequency."""
    slowest = float(prepared.propagator.physics.speeds(prepared.start.parameters)[0].min())
    return slowest / (prepared.chosen.highest * max(prepared.start.grid.spacing))


def solver_lines(prepared: Prepared) -> Iterator[str]:
    """Yield Courant number, solver step and points per wavelength."""
    simulate, start = prepared.propagator, prepared.start
    slow, fast = simulate.physics.speeds(start.parameters)
    fastest, slowest = simulate.vp_max or float(fast.max()), float(slow.min())
    step, limit = simulate.clock(start).step, simulate.stable_step(start)
    top = prepared.chosen.highest
    points = points_per_wavelength(prepared)
    yield (
        f"stability    Courant number {fastest * step / min(start.grid.spacing):.3f} at {fastest:g} m/s; solver step "
        f"{step * 1e3:.3g} ms, limit {limit * 1e3:.3g} ms"
    )
    word = "good" if points >= POINTS else "coarse: use a smaller grid.spacing"
    yield f"wavelength   {points:.1f} points per shortest wavelength at {top:g} Hz and {slowest:g} m/s: {word}"
    yield f"dispersion   {simulate.dispersion(start, top):+.3%} of the velocity there, from the order of the stencils"


def memory_line(prepared: Prepared) -> str:
    """Return how gradients will remember their forward runs, and about how many bytes that takes."""
    need = prepared.propagator.gradient_memory(prepared.start, shots=min(BATCH, len(prepared.observed)))
    how = "every step kept" if need.every is None else f"a checkpoint every {need.every} steps"
    return f"memory       about {need.bytes / 1e6:,.0f} MB for gradients: {need.steps:,} steps, {how}"


def time_line(prepared: Prepared, problem: Inversion) -> str:
    """Measure one gradient of a few shots, and say how long the whole job takes."""
    each, s, shots = seconds_per_shot(prepared, problem), prepared.settings.inversion, len(prepared.observed)
    solves = s.budget
    if solves is None:  # a line search takes some more than an update each, and illumination and wavelets their part
        solves = round(2 * shots * len(prepared.chosen.bands) * ((s.iterations or UPDATES) * 1.2 + 2.5))
    members = prepared.settings.ensemble.members
    whole = f"the whole job of {members} members" if members > 1 else "the whole job"
    seconds = each * solves / 2 * members
    threads = prepared.settings.run.threads or torch.get_num_threads()
    return (
        f"time         {each:.2g} s per shot and gradient here, with {threads} threads; about {clock(seconds)} for "
        f"{whole}, {seconds * threads / 3600:.2g} core hours"
    )


def start_wavelet(problem: Inversion, start: Model, spread: TaskRunner) -> dict[str, np.ndarray] | None:
    """Return the wavelet that fits best in the starting model, and its "spread"; None where it is known."""
    if problem.estimate() is None:
        return None
    return collected(list(spread.map(best_wavelets, problem.tasks(start))), problem.observed.survey)


def cycle_skips(problem: Inversion, start: Model, bands: list[Band], wavelet: np.ndarray | None) -> list[SkipShare]:
    """Compare predicted and observed arrivals in the starting model, band by band."""
    with torch.no_grad():
        source = None if wavelet is None else torch.from_numpy(wavelet).to(start[start.leading].dtype)
        predicted = problem.propagator(start, source)
    observed = problem.observed[list(range(len(problem.observed)))]
    return cycle_skip_share(predicted, observed, bands, window=problem.window)
