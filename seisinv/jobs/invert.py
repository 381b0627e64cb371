"""Running a job from its settings to its report; the same path for the command line and the demonstration."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from seisinv.core import Grid, Model, RunError, SeisinvError
from seisinv.jobs import build, config, prepare
from seisinv.jobs.progress import inversion_progress
from seisinv.jobs.settings import Settings
from seisinv.jobs.start import settled

if TYPE_CHECKING:
    from seisinv.inversion import Result
    from seisinv.inversion.method import Method

log = logging.getLogger("seisinv.run")


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
    from seisinv.inversion.ensemble import of_member
    from seisinv.io import write_model
    from seisinv.report import write_report

    directory = run_directory(settings)
    _check_directory(directory, resume)
    if settings.run.threads is not None:
        torch.set_num_threads(settings.run.threads)
    settings = settled(settings, directory)
    prepared = prepare.prepare(settings)
    method = build.method_of(prepared)
    if truth is None:
        truth = truth_of(settings, directory, prepared.start.grid)
    if resume:
        _check_same_job(directory, method.fingerprint(settings.run.seed))
        _note_ensemble(directory, prepared.settings)
    # Only now, so that whatever cannot work is refused in a single line.
    for note in prepared.notes:
        log.info("%s", note)
    configuration: dict[str, Any] = config.dump(prepared.settings)
    configuration["chosen"] = {"notes": list(prepared.notes), "automatic": config.not_set(prepared.settings)}
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
            }
        )
    write_model(directory / "model.sgy", result.model, overwrite=True)
    if members > 1:
        if not (directory / "report.html").exists():
            log.info("%s shows the first of %d members", write_report(directory), members)
        _run_members(method, settings, first=result)
    return write_report(directory)


def _run_members(method: Method, settings: Settings, *, first: Result) -> None:
    """Invert the data with noise, and leave ensemble.npz, mean.sgy and std.sgy beside the first member."""
    from seisinv.inversion import run_ensemble
    from seisinv.inversion.invert import Waveform
    from seisinv.io import write_model, write_section

    directory, s = run_directory(settings), settings.ensemble
    assert isinstance(method, Waveform)  # others have no members
    with inversion_progress() as progress:
        ensemble = run_ensemble(
            method.problem, method.optimizer, members=s.members, bands=method.bands,
            run_directory=directory, resume=True, progress=progress,
            seed=settings.run.seed, budget=settings.inversion.budget, calibration=s.calibration, level=s.level,
            first=first,
        )  # fmt: skip
    write_model(directory / "mean.sgy", ensemble.mean, overwrite=True)
    write_section(
        directory / "std.sgy", ensemble.std(), ensemble.mean.grid, title="standard deviation of vp", unit="m/s",
        overwrite=True,
    )  # fmt: skip


def _note_ensemble(directory: Path, settings: Settings) -> None:
    """Write down that a run goes on with more members, so that it can be resumed from its run.toml alone."""
    from seisinv.runs.directory import RunDirectory, read_record

    record, table = read_record(directory / "run.toml"), config.dump(settings)["ensemble"]
    if settings.ensemble.members > 1 and record.get("ensemble") != table:
        RunDirectory(directory).write_record({**record, "ensemble": table})


def run_directory(settings: Settings) -> Path:
    """Return the run directory: the one named, or runs/NAME after the data."""
    if settings.run.directory is not None:
        return Path(settings.run.directory)
    return Path("runs") / Path((settings.data.path or ["run"])[0]).stem


def _check_directory(directory: Path, resume: bool) -> None:
    if directory.exists() and not directory.is_dir():
        raise RunError(f"{directory} is a file, not a directory; choose another one with --directory")
    if (directory / "run.toml").exists() and not resume:
        raise RunError(
            f"{directory} already holds a run; go on with it: seisinv invert --resume {directory}, "
            "or choose another one with --directory"
        )
    if resume and not (directory / "run.toml").exists():
        raise RunError(f"{directory} holds no run to resume (no run.toml); name the directory of a run")
    if not resume and any((directory / name).exists() for name in ("evaluations", "model.npz", "members")):
        raise RunError(f"{directory} holds results but no run.toml; choose another one with --directory")
    there = next((p for p in (directory, *directory.absolute().parents) if p.exists()), directory)
    if not there.is_dir():
        raise RunError(f"cannot create the run directory {directory}: {there} is a file; choose another --directory")
    if not os.access(there, os.W_OK):
        raise RunError(f"cannot write to the run directory {directory}: permission denied; choose another --directory")


def _check_same_job(directory: Path, fingerprint: Mapping[str, str]) -> None:
    """Refuse to resume a run with other settings, and say how to go on from its result."""
    from seisinv.runs.directory import read_record

    recorded = read_record(directory / "run.toml").get("job", {}).get("fingerprint", {})
    names = [n for n in {**recorded, **fingerprint} if recorded.get(n) != fingerprint.get(n)]
    if names:
        model = next((p for n in ("model.sgy", "model.npz") if (p := directory / n).exists()), None)
        further = f", or go on from its result in a new run: --start {model} --directory NEW" if model else ""
        raise RunError(
            f"{directory} belongs to another job (it differs in {', '.join(names)}); a run "
            f"cannot be extended or changed: resume it with the settings it was started with{further}"
        )


def truth_of(settings: Settings, directory: Path, grid: Grid) -> Model | None:
    """Return the true model that the settings name, or that the run in the directory had, on the grid."""
    from seisinv.io import read_model

    kept = directory / "truth.npz"
    if kept.exists():
        return read_model(kept)
    if settings.run.truth is None:
        return None
    try:
        found = prepare.read_truth(settings)
    except SeisinvError as error:
        raise type(error)(f"run.truth: {error}") from None
    vp = prepare.regrid(found, grid, "vp", source=settings.run.truth)
    return Model(grid, vp=vp.astype(np.float32))
