"""`seisinv invert`: a job from its settings to its report; the same path for the command line and the demonstration."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from seisinv.core import PARAMETERS, Argument, Message, Model, RunError
from seisinv.inversion.problem import BATCH
from seisinv.jobs import build, config
from seisinv.jobs.choose import run_directory
from seisinv.jobs.fit import evaluator_for, write_fit
from seisinv.jobs.models import speed_of, true_model
from seisinv.jobs.prepare import prepare
from seisinv.jobs.prepared import Prepared, method_of
from seisinv.jobs.progress import inversion_progress
from seisinv.jobs.settings import Settings
from seisinv.physics import wave_equation
from seisinv.runs.directory import RunDirectory, check_directory, read_record
from seisinv.spread import Executor, spread_over

if TYPE_CHECKING:
    from seisinv.inversion import Result
    from seisinv.inversion.method import Method

log = logging.getLogger("seisinv.run")

FILES = (
    "data.path",
    "start.vp",
    "start.vs",
    "start.rho",
    "wavelet.path",
    "penalty.weights",
)  # settings that name files


def invert(settings: Settings, *, resume: bool = False, truth: Model | None = None) -> Path:
    """Invert as the settings say, and leave model.sgy, figures and report.html in the run directory.

    With `ensemble.members` that is member 0; the others follow in its folder members, and leave ensemble.npz, mean.sgy
    and std.sgy.

    Parameters
    ----------
    settings : Settings
    resume : bool
        Go on with the run in `settings.run.directory`.
    truth : Model, optional
        Only measured against; a truth that an interrupted run had is found again.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    SeisinvError
        In one line, for anything that cannot work; nothing is written over.
    """
    directory = run_directory(settings)
    check_directory(directory, resume=resume)
    build.check_cluster_of(settings)
    if resume:
        _check_places(settings)
    prepared = prepare(settings)
    with build.cluster_of(settings) as there:
        return run(prepared, directory, resume=resume, truth=truth, executor=there)


def run(
    prepared: Prepared,
    directory: Path,
    *,
    resume: bool = False,
    truth: Model | None = None,
    executor: Executor = None,
) -> Path:
    """Do a prepared job in a directory, on an engine; parameters, result and errors as for `invert`."""
    from seisinv.inversion.ensemble import of_member
    from seisinv.io import write_model
    from seisinv.report import write_report

    settings, method = prepared.settings, method_of(prepared)
    if settings.run.threads is not None:
        torch.set_num_threads(settings.run.threads)
    # The fingerprint of a new run is taken when its directory is made.
    check_directory(directory, resume=resume, fingerprint=method.fingerprint(settings.run.seed) if resume else None)
    if truth is None:
        truth = true_model(settings, directory, prepared.chosen.grid)
    if resume:
        _note_ensemble(directory, settings)
    evaluator = evaluator_for(prepared, settings.compare, executor)
    # Only now, so that whatever cannot work is refused in a single line.
    for note in prepared.notes:
        log.info("%s", note)
    _say_groups(prepared, executor)
    automatic = config.not_set(prepared.tables)
    configuration = {**prepared.tables, "chosen": {"notes": list(prepared.notes), "automatic": automatic}}
    members = settings.ensemble.members
    with inversion_progress() as progress:
        result = method.run(
            {
                "run_directory": directory,
                "resume": resume,
                "progress": of_member(progress, 0, members),
                "seed": settings.run.seed,
                "truth": truth,
                "configuration": configuration,
                "executor": executor,
            }
        )
    for name, file in model_files(settings).items():
        write_model(directory / file, result.model, parameter=name, overwrite=True)
    write_fit(evaluator, directory, result)
    if members > 1:
        if not (directory / "report.html").exists():
            log.info("%s shows the first of %d members", write_report(directory), members)
        _run_members(method, settings, directory, first=result, executor=executor)
    return write_report(directory)


def model_files(settings: Settings, stem: str = "model") -> dict[str, str]:
    """Return the SEG-Y files of a result by parameter: model.sgy, and model_vs.sgy, … of the others inverted."""
    speed = speed_of(wave_equation(settings.propagator.physics))
    return {speed: f"{stem}.sgy"} | {n: f"{stem}_{n}.sgy" for n in build.bounds_of(settings) if n != speed}


def _say_groups(prepared: Prepared, executor: Executor) -> None:
    """Say where there are fewer groups of shots than workers."""
    size, shots = prepared.settings.inversion.batch_shots or BATCH, len(prepared.observed)
    groups = -(-shots // size)
    spread = spread_over(executor)
    if prepared.settings.inversion.method == "fwi" and groups < spread.workers:
        log.warning(
            "%s",
            Message(
                f"{shots} shots are {groups} groups of up to {size}, for {spread.workers} workers: in a new run, ",
                Argument("inversion.batch_shots", max(1, -(-shots // spread.workers))),
                " makes more",
            ),
        )


def _run_members(method: Method, settings: Settings, directory: Path, *, first: Result, executor: Executor) -> None:
    """Invert the data with noise, and leave ensemble.npz, mean.sgy and std.sgy beside the first member."""
    from seisinv.inversion import run_ensemble
    from seisinv.inversion.invert import Waveform
    from seisinv.io import write_model, write_section

    s = settings.ensemble
    assert isinstance(method, Waveform)  # others have no members
    with inversion_progress() as progress:
        ensemble = run_ensemble(
            method.problem, method.optimizer, members=s.members, bands=method.bands,
            run_directory=directory, resume=True, progress=progress,
            seed=settings.run.seed, budget=settings.inversion.budget, calibration=s.calibration, level=s.level,
            first=first, executor=executor,
        )  # fmt: skip
    for name, file in model_files(settings, "mean").items():
        write_model(directory / file, ensemble.mean, parameter=name, overwrite=True)
    for name, file in model_files(settings, "std").items():
        write_section(
            directory / file, ensemble.std(name), ensemble.mean.grid, title=f"standard deviation of {name}",
            unit=PARAMETERS[name].unit, overwrite=True,
        )  # fmt: skip


def _check_places(settings: Settings) -> None:
    """Refuse to resume a run whose files have moved, and say how to name the new place."""
    for key in FILES:
        section, name = key.split(".")
        given = getattr(getattr(settings, section), name)
        for path in given if isinstance(given, list | tuple) else [given]:
            if isinstance(path, str) and not Path(path).exists():
                what = f"{key} of the run is {path}, which is not there"
                raise RunError(what, remedy=f"if it has moved, add --set {key}=NEW")


def _note_ensemble(directory: Path, settings: Settings) -> None:
    """Write down that a run goes on with more members, so that it can be resumed from its run.toml alone."""
    record, table = read_record(directory / "run.toml"), config.dump(settings)["ensemble"]
    if settings.ensemble.members > 1 and record.get("ensemble") != table:
        RunDirectory(directory).write_record({**record, "ensemble": table})
