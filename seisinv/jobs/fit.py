"""How well the result of a job fits the data, by the same evaluation as a comparison's; not part of the run's cost."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from seisinv.compare.entries import evaluator_of
from seisinv.compare.evaluator import Evaluator
from seisinv.core import RunError, SeisinvError
from seisinv.jobs.prepared import Prepared, problem_of
from seisinv.jobs.settings import CompareSection
from seisinv.runs import DataFit, RunDirectory
from seisinv.runs.fit import FILE, read_fit
from seisinv.spread import Executor

if TYPE_CHECKING:
    from seisinv.inversion import Result

log = logging.getLogger("seisinv.run")


def evaluator_for(prepared: Prepared, c: CompareSection, executor: Executor = None) -> Evaluator:
    """Return what predicts the data of a job in any model, on an engine."""
    band = None if c.held_band is None else (c.held_band[0], c.held_band[1])
    return evaluator_of(
        problem_of(prepared), prepared.chosen.bands, held_out=prepared.data.held_out, held_band=band, executor=executor
    )


def write_fit(evaluator: Evaluator, directory: Path, result: Result) -> None:
    """Write fit.json, unless it is there; what cannot be measured does not spoil what was found."""
    try:
        if read_fit(directory) is not None:
            return
    except RunError as error:
        log.warning("%s; it is written again", error.what)
    log.info("predicting the data in the starting model and in the result")
    try:
        before, after = (evaluator.predict(model) for model in (result.start, result.model))
        kept = [] if evaluator.problem.is_renewed else [*result.wavelets.values()]
        wavelet = kept[-1] if kept else None
        misfit = evaluator.misfit(result.start, before, wavelet), evaluator.misfit(result.model, after, wavelet)
    except SeisinvError as error:
        log.warning("the fit was not measured: %s", error)
        return
    band = evaluator.band
    held = None
    if before.held_misfit is not None and after.held_misfit is not None:
        held = (before.held_misfit, after.held_misfit)
    found = DataFit(
        "all frequencies" if band is None else f"up to {band.high:g} Hz",
        misfit=misfit,
        unexplained=(before.misfit, after.misfit),
        held_out=held,
    )
    RunDirectory(directory).write(FILE, (json.dumps(asdict(found)) + "\n").encode())
