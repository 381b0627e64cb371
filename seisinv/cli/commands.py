"""The commands that take data to a model and a report."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from seisinv import __version__
from seisinv.cli.ends import EPILOGUE, end, tell_faults
from seisinv.cli.flags import (
    CLUSTER,
    EVERY_JOB,
    HEADERS,
    INVERSION,
    JOB,
    WAVES,
    absolute,
    named,
    settings_of,
    takes,
)
from seisinv.cli.guard import guarded, with_flags
from seisinv.core import ConfigError, Message, RunError
from seisinv.core.stopping import stopping_after
from seisinv.jobs.settings import Settings

app = typer.Typer(
    name="seisinv",
    help="Seismic inversion: from a SEG-Y file to a velocity model and a report.",
    epilog=EPILOGUE,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"seisinv {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Seismic inversion: from a SEG-Y file to a velocity model and a report."""


@app.command()
@guarded
@takes("run.directory", "run.seed", "run.threads", "quiet")
def demo(*, given: dict[str, Any]) -> None:
    """Invert a synthetic SEG-Y file made here, and write a report; the same command goes on after Ctrl-C."""
    from seisinv.jobs.demo import SEED, run_demo

    run = settings_of(None, given).run
    directory = Path("demo-run" if given["run.directory"] is None else str(run.directory))
    seed = SEED if given["run.seed"] is None else run.seed
    page = _resumable(directory, lambda: run_demo(directory, seed=seed, threads=run.threads))
    _tell_result(directory, page)


@app.command()
@guarded
@takes(
    *INVERSION, "inversion.optimizer", "run.directory", "run.truth", "run.seed", *CLUSTER, "run.lifetime", *EVERY_JOB
)
def invert(
    job: Annotated[list[str] | None, typer.Argument(metavar="DATA … | JOB.toml", help=JOB)] = None,
    resume: Annotated[Path | None, typer.Option(help="Resume the run in this directory.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what --cluster slurm, pbs, … would submit, and do nothing.")
    ] = False,
    *,
    given: dict[str, Any],
) -> None:
    """Invert a file or a job; `seisinv invert line.sgy --start vp0.sgy` is enough."""
    from seisinv.jobs import invert as jobs
    from seisinv.jobs.choose import run_directory

    if resume is not None:
        if given["run.directory"] is not None:
            raise ConfigError("--resume and --directory both name the run directory; give one of them")
        if not job and not (resume / "run.toml").is_file():
            raise RunError(f"{resume} holds no run to resume (no run.toml); name the directory of a run")
        job = job or [str(resume / "run.toml")]
        given["run.directory"] = absolute("--resume", resume)
    settings = settings_of(job, given)
    if dry_run:
        typer.echo(_submitted(settings))
        return
    where = run_directory(settings)
    with stopping_after(settings.run.lifetime):
        page = _resumable(where, lambda: jobs.invert(settings, resume=resume is not None))
    _tell_result(where, page)


@app.command()
@guarded
@takes(
    "forward.output",
    "start.vs",
    "start.rho",
    "start.spacing",
    "forward.peak",
    "forward.duration",
    "forward.dt",
    "forward.sources.every",
    "forward.receivers.every",
    "forward.noise",
    *WAVES,
    "survey.components",
    "run.seed",
    "overwrite",
    *CLUSTER,
    *EVERY_JOB,
)
def forward(
    model: Annotated[str, typer.Argument(help="A job (.toml), or a model: SEG-Y, .npz, .npy.")],
    *,
    given: dict[str, Any],
) -> None:
    """Model a synthetic survey over a model, and write it as SEG-Y with full geometry headers.

    A model that is no job is that of vp; --vs and --rho name the others, and an .npz may hold all of them.
    """
    from seisinv.jobs.forward import model_survey

    is_job = model.endswith(".toml")
    if not is_job:
        given[f"start.{_speed(given)}"] = absolute("MODEL", model)
    path, faults = model_survey(settings_of(model if is_job else None, given), overwrite=given["overwrite"])
    tell_faults(faults, "modelled")
    typer.echo(f"wrote {path}")
    end(faults)


@app.command()
@guarded
@takes(*INVERSION, *CLUSTER, *EVERY_JOB)
def check(
    job: Annotated[list[str], typer.Argument(metavar="DATA … | JOB.toml", help=JOB)], *, given: dict[str, Any]
) -> None:
    """Report before a run: stability, points per wavelength, memory, time, and how good the starting model is."""
    from seisinv.jobs.check import Failure, check_job

    faults = []
    for text in check_job(settings_of(job, given)):
        typer.echo(with_flags(text))
        faults += [text] * isinstance(text, Failure)
    end(faults)


@app.command()
@guarded
@takes(*HEADERS)
def info(
    file: Annotated[list[str], typer.Argument(help="SEG-Y, SU or SEG-2 file, or several that make one line.")],
    plot: Annotated[
        Path | None, typer.Option(help="Also draw map, gather and spectrum to this .png, .pdf or .svg.")
    ] = None,
    *,
    given: dict[str, Any],
) -> None:
    """Show what a data file holds: traces, shots, geometry, band, units, dead traces, suspicious headers."""
    from seisinv import io

    logging.getLogger("seisinv.io").setLevel(logging.ERROR)  # its remarks are part of what is printed
    file = named(file)
    found = io.describe(
        file if len(file) > 1 else file[0], **{key.removeprefix("data."): value for key, value in given.items()}
    )
    if found.line is not None:
        from seisinv.jobs.quality import remarks

        found = replace(found, suspicious=(*found.suspicious, *remarks(found.line)))
    typer.echo(with_flags(io.info_text(found)))
    if plot is None:
        end([found.problem] if found.problem else [])
        return
    if found.line is None:
        raise ConfigError(Message("nothing to plot: ", found.problem or ""))
    from seisinv.plot import overview, save

    if plot.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise ConfigError(f"--plot {plot}: the picture must end in .png, .pdf or .svg")
    save(overview(found.line, title=Path(file[0]).name), plot)
    typer.echo(f"\nwrote {plot}")


@app.command()
@guarded
@takes(*HEADERS, "overwrite")
def geometry(
    file: Annotated[list[str], typer.Argument(help="SEG-Y, SU or SEG-2 files that make one line.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Also write the line as SEG-Y with these positions.")
    ] = None,
    *,
    given: dict[str, Any],
) -> None:
    """Show where sources and receivers are, shot by shot, by headers and tables; write them into a SEG-Y file."""
    from seisinv import io

    logging.getLogger("seisinv.io").setLevel(logging.ERROR)  # its remarks are part of what is printed
    line = io.open_line(named(file), **{k.removeprefix("data."): v for k, v in given.items() if k in HEADERS})
    for text in io.geometry_lines(line):
        typer.echo(with_flags(text))
    if output is not None:
        io.write_segy(output, line[:], overwrite=given["overwrite"])
        typer.echo(f"wrote {output}")


@app.command()
@guarded
def kernels(
    physics: Annotated[str, typer.Argument(help="Wave equation: acoustic, elastic, …")] = "acoustic",
    adjoint: Annotated[bool, typer.Option("--adjoint", help="The adjoint instead of the forward program.")] = False,
    program: Annotated[str | None, typer.Option(help="forward, adjoint, born or second (Hessian–vector).")] = None,
    order: Annotated[int, typer.Option(help="Order of the stencils in space.")] = 8,
) -> None:
    """Print the code that is generated from the equations."""
    from seisinv import backends
    from seisinv.physics import wave_equation

    wanted = program or ("adjoint" if adjoint else "forward")
    if wanted not in backends.PROGRAMS:
        raise ConfigError(f"--program is {wanted!r}; it must be one of {', '.join(backends.PROGRAMS)}")
    if order % 2 or not 2 <= order <= 12:
        raise ConfigError(f"--order is {order}; it must be an even number from 2 to 12")
    typer.echo(backends.source(wave_equation(physics), order=order, program=wanted))


@app.command()
@guarded
def report(run: Annotated[Path, typer.Argument(help="Run directory.")]) -> None:
    """Write report.html and the figures of a run anew."""
    from seisinv.report import write_report
    from seisinv.report.measure import bad_end, measure
    from seisinv.runs import read_run

    page, faults = write_report(run), measure(read_run(run)).faults
    if faults:
        typer.echo(bad_end(faults))
    typer.echo(f"report: {page}")
    end(faults)


def _speed(given: dict[str, Any]) -> str:
    """Return the parameter of a model that is named without a job: that of the speed of the waves."""
    from seisinv.jobs.models import speed_of
    from seisinv.physics import wave_equation

    return speed_of(wave_equation(settings_of(None, given).propagator.physics))


def _submitted(settings: Settings) -> str:
    """Return the batch script of one job of a queue."""
    from seisinv.spread import check_cluster, job_script
    from seisinv.spread.cluster import QUEUES

    run = settings.run
    if run.cluster in QUEUES:
        check_cluster(run.cluster, jobs=run.jobs)
    script = job_script(run.cluster or "none", insecure=run.insecure)
    return f"# submitted {run.jobs} times:\n{script}"


def _tell_result(directory: Path, page: Path) -> None:
    from seisinv.report import summary
    from seisinv.report.measure import measure
    from seisinv.runs import read_run

    run = read_run(directory)
    for text in summary(run):
        typer.echo(text)
    for file in sorted(directory.glob("model*.sgy")):
        typer.echo(f"model:  {file}")
    typer.echo(f"report: {page}")
    end(measure(run).faults)


def _resumable(directory: Path, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except KeyboardInterrupt as stop:
        if (directory / "run.toml").exists():
            raise type(stop)(f"go on with: seisinv invert --resume {shlex.quote(str(directory))}") from None
        raise type(stop)("nothing to resume yet; run the same command again") from None
