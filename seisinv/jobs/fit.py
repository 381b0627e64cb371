"""How well the result of a job fits the data, by the same evaluation as a comparison's; not part of the run's cost."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from seisinv.compare.entries import evaluator_of
from seisinv.compare.evaluator import Evaluator
from seisinv.inversion import misfit_and_gradient
from seisinv.jobs.prepare import Prepared, problem_of
from seisinv.jobs.settings import CompareSection
from seisinv.runs import DataFit, RunDirectory
from seisinv.runs.fit import FILE

if TYPE_CHECKING:
    from seisinv.inversion import Result

log = logging.getLogger("seisinv.run")


def evaluator_for(prepared: Prepared, c: CompareSection) -> Evaluator:
    """Return what predicts the data of a job in any model."""
    band = None if c.held_band is None else (c.held_band[0], c.held_band[1])
    return evaluator_of(problem_of(prepared), prepared.chosen.bands, held_out=prepared.data.held_out, held_band=band)


def write_fit(prepared: Prepared, directory: Path, result: Result) -> None:
    """Write fit.json, unless it is there."""
    if (directory / FILE).exists():
        return
    log.info("predicting the data in the starting model and in the result")
    evaluator = evaluator_for(prepared, prepared.settings.compare)
    problem, band, models = evaluator.problem, evaluator.band, (result.start, result.model)
    before, after = (evaluator.predict(model) for model in models)
    held = None
    if before.held_misfit is not None and after.held_misfit is not None:
        held = (before.held_misfit, after.held_misfit)
    start, end = (sum(misfit_and_gradient(t).misfit for t in problem.tasks(model, band=band)) for model in models)
    found = DataFit(
        "all frequencies" if band is None else f"up to {band.high:g} Hz",
        misfit=(start, end),
        unexplained=(before.misfit, after.misfit),
        held_out=held,
    )
    RunDirectory(directory).write(FILE, (json.dumps(asdict(found)) + "\n").encode())
