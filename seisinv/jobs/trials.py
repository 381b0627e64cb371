"""What a job chooses by trying: whether the surface is free, what the grid cannot model, what fits into its minutes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from seisinv.core import Model
from seisinv.core.resampling import regrid
from seisinv.inversion import Inversion, misfit_and_gradient
from seisinv.inversion.tasks import predicted
from seisinv.inversion.wavelet import for_survey
from seisinv.jobs.prepared import OF_ENERGY, Prepared, completed, engine_of, problem_of, some_shots
from seisinv.signal.processing import bands_of, processed
from seisinv.synthetic.case import refined

SHOTS = 3  # that are tried
CLEARLY = 1.1  # ratio of two misfits from which the data tell whether the surface is free
FINER = 10  # order of the stencils on a grid twice as fine
PART = 0.25  # of that difference is left unexplained: a model makes up for some of it without harm
HALF = 0.5  # share of the misfit in the starting model from which a grid is too coarse for it
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


def with_unmodelled(prepared: Prepared) -> Prepared:
    """Return the job with what its grid cannot model: a few shots differ so much from those on a grid twice as fine.

    Both are modelled in the starting model, with the wavelet that fits best on the coarser grid. Below that difference
    a misfit is the grid's, not the rock's (discrepancy principle, Morozov 1966).
    """
    s, start = prepared.settings, prepared.start
    if s.inversion.method != "fwi" or s.inversion.misfit not in OF_ENERGY or start.grid.ndim > 2:
        return prepared
    few = some_shots(prepared, SHOTS)
    problem = problem_of(replace(few, settings=completed(few.settings, {"wavelet": {"search": 0}})))
    survey, bands = few.observed.survey, bands_of(prepared.chosen.bands, few.observed.survey.time.nyquist)
    (task,) = problem.tasks(start, band=bands[-1])
    _, observed, wavelet = predicted(task)
    if wavelet is not None:
        survey = survey.with_wavelet(for_survey(wavelet.expand(len(task.shots), -1), survey))
    else:
        survey = problem.propagator.survey
    coarse = few.propagator.replace(survey=survey)
    fine = refined(start.grid)
    boundary = replace(coarse.boundary, width=2 * s.propagator.boundary_width)
    finer = coarse.replace(grid=fine, order=FINER, boundary=boundary)
    with torch.no_grad():
        dense = Model(fine, **{n: regrid(start, fine, n).astype(np.float32) for n in start})
        pair = [simulate(model) for simulate, model in ((coarse, start), (finer, dense))]
    shares, worst = [], 0.0
    for band in bands:
        a, b, d = (processed(g, band, problem.window) for g in (*pair, observed))
        grid, all_of, start_off = (_energy(x, b.live & d.live) for x in (a.data - b.data, b.data, a.data - d.data))
        shares.append([0.0 if band is None else band.high, float(f"{PART * grid / max(all_of, TINY):.3g}")])
        worst = max(worst, grid / max(start_off, TINY))
    notes = prepared.notes
    if worst > HALF:
        notes += (
            f"the grid is coarse for the starting model: what it cannot model is up to {worst:.2g} × the misfit there; "
            "use a smaller grid spacing, or a start whose sharp edges lie on nodes",
        )
    return replace(prepared, settings=completed(s, {"inversion": {"unmodelled": shares}}), notes=notes)


def _energy(data: Tensor, live: Tensor) -> float:
    return float(torch.where(live[..., None], data, 0.0).square().sum())


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
