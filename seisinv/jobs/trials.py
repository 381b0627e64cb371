"""What a job chooses by trying: whether the surface is free, what fits into its minutes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from seisinv.inversion import Inversion, misfit_and_gradient
from seisinv.jobs.prepared import Prepared, completed, engine_of, problem_of, some_shots
from seisinv.signal.processing import bands_of

SHOTS = 3  # that are tried
CLEARLY = 1.1  # ratio of two misfits from which the data tell whether the surface is free
TINY = 1e-300


def with_surface(prepared: Prepared) -> Prepared:
    """Return the job with a free surface or without one, whichever explains a few shots better in the starting model.

    Waves that come back from the surface are either in the data or not, and no wavelet makes up for them at all
    offsets. Where the data do not tell, the surface absorbs.
    """
    s, grid = prepared.settings, prepared.chosen.grid
    shots = prepared.observed.survey.shots
    shallowest = min(float(shot.sources[:, 0].min()) for shot in shots)
    found: dict[bool, float] = {False: 0.0}
    # A source on the free surface emits nothing.
    if s.inversion.method == "fwi" and shallowest > grid.origin[0] + 1e-3 * grid.spacing[0]:
        few = some_shots(prepared, SHOTS)
        for free in (False, True):
            tried = completed(s, {"propagator": {"free_surface": free}, "wavelet": {"search": 0}})
            problem = problem_of(replace(few, settings=tried, propagator=engine_of(tried, grid, few.data)))
            band = bands_of(prepared.chosen.bands, few.observed.survey.time.nyquist)[-1]
            results = [misfit_and_gradient(task) for task in problem.tasks(few.start, band=band)]
            found[free] = sum(result.misfit for result in results)
    free = CLEARLY * found.get(True, np.inf) < found[False]
    notes = list(prepared.notes)
    if len(found) > 1:
        ratio = found[not free] / max(found[free], TINY)
        notes.append(
            f"surface: {'free' if free else 'absorbing'}; otherwise the misfit of {len(few.observed)} shots in the "
            f"starting model is {ratio:.3g} × as large"
            + ("" if ratio > CLEARLY else ", so the data hardly tell: better say it (propagator.free_surface)")
        )
    tried = completed(s, {"propagator": {"free_surface": free}})
    return replace(prepared, settings=tried, propagator=engine_of(tried, grid, prepared.data), notes=tuple(notes))


def within_minutes(prepared: Prepared) -> Prepared:
    """Return the job with a budget of as many wave-equation solves as fit into its minutes on this machine."""
    each = seconds_per_shot(prepared, problem_of(prepared))
    minutes, shots = prepared.settings.inversion.minutes or 0.0, len(prepared.observed)
    gradients = max(1, int(60 * minutes / (each * shots)))
    note = f"effort: {minutes:g} minutes, about {gradients} gradients of {each * shots:.2g} s here"
    settings = completed(prepared.settings, {"inversion": {"budget": 2 * gradients * shots}})
    return replace(prepared, settings=settings, notes=(*prepared.notes, note))


def seconds_per_shot(prepared: Prepared, problem: Inversion) -> float:
    """Measure one gradient of a few shots; return its time for one shot, s."""
    task = next(iter(problem.tasks(prepared.start, wanted=list(prepared.start)[:1])))
    misfit_and_gradient(task)  # compiles, warms up
    return misfit_and_gradient(task).seconds / len(task.shots)
