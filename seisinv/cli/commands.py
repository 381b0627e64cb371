"""The commands that take data to a model and a report."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from seisinv import __version__
from seisinv.cli.flags import (
    V0,
    Bands,
    CoordinateUnits,
    Debug,
    Depth,
    Every,
    FreeSurface,
    Gradient,
    Header,
    Iterations,
    Members,
    MisfitName,
    ModelSpacing,
    Overwrite,
    Peak,
    Quiet,
    Set,
    ShotsBy,
    Spacing,
    Start,
    Threads,
    Units,
    Vertical,
    VpMax,
    VpMin,
    Water,
    absolute,
    data_flags,
    header_bytes,
    numbers,
    settings_of,
    shot_flags,
    start_flags,
    with_bounds,
)
from seisinv.cli.guard import guarded, with_flags
from seisinv.core import ConfigError, RunError

app = typer.Typer(
    name="seisinv",
    help="Seismic inversion: from a SEG-Y file to a velocity model and a report.",
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
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Seismic inversion: from a SEG-Y file to a velocity model and a report."""


@app.command()
@guarded
def demo(
    directory: Annotated[Path, typer.Option("--directory", "-d", help="Run directory.")] = Path("demo-run"),
    seed: Annotated[int, typer.Option(min=0, help="Which piece of earth to make up.")] = 2,
    threads: Threads = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make up a survey, invert its SEG-Y file, and write a report; run it again to go on after Ctrl-C."""
    from seisinv.jobs.demo import run_demo

    page = _resumable(directory, lambda: run_demo(directory, seed=seed, threads=threads))
    _tell_result(directory, page)


@app.command()
@guarded
def invert(
    job: Annotated[
        str | None, typer.Argument(metavar="DATA | JOB.toml", help="A SEG-Y, SU or SEG-2 file, or a job.")
    ] = None,
    start: Start = None,
    model_spacing: ModelSpacing = None,
    v0: V0 = None,
    gradient: Gradient = None,
    resume: Annotated[Path | None, typer.Option(help="Go on with the run in this directory.")] = None,
    directory: Annotated[Path | None, typer.Option("--directory", "-d", help="Where to keep the run.")] = None,
    bands: Bands = None,
    iterations: Iterations = None,
    optimizer: Annotated[str | None, typer.Option(help="lbfgs or adam.")] = None,
    misfit: MisfitName = None,
    vp_min: VpMin = None,
    vp_max: VpMax = None,
    water: Water = None,
    spacing: Spacing = None,
    depth: Depth = None,
    free_surface: FreeSurface = None,
    peak: Peak = None,
    every: Every = None,
    header: Header = None,
    units: Units = None,
    coordinate_units: CoordinateUnits = None,
    vertical: Vertical = None,
    shots_by: ShotsBy = None,
    members: Members = None,
    truth: Annotated[str | None, typer.Option(help="True model, where known: only measured against.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of everything random.")] = None,
    threads: Threads = None,
    setting: Set = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Invert a file or a job; `seisinv invert line.sgy --start vp0.sgy` is enough."""

    from seisinv.jobs import invert as jobs
    from seisinv.jobs.choose import run_directory

    flags = {
        **start_flags(start, model_spacing, v0, gradient),
        "run.directory": absolute(directory or resume),
        "inversion.bands": numbers("--bands", bands),
        "inversion.iterations": iterations,
        "inversion.optimizer": optimizer,
        "inversion.misfit": misfit,
        "inversion.water": water,
        "grid.spacing": spacing,
        "grid.depth": depth,
        "propagator.free_surface": free_surface,
        **shot_flags(peak, every),
        "ensemble.members": members,
        "run.truth": None if truth is None else str(Path(truth).resolve()),
        "run.seed": seed,
        "run.threads": threads,
        **data_flags(header, units, coordinate_units, vertical, shots_by),
    }
    if resume is not None and directory is not None:
        raise ConfigError("--resume and --directory both name the run directory; give one of them")
    if resume is not None and job is None:
        if not (resume / "run.toml").is_file():
            raise RunError(f"{resume} holds no run to resume (no run.toml); name the directory of a run")
        job = str(resume / "run.toml")
    settings = settings_of(job, flags, setting)
    settings = with_bounds(settings, vp_min, vp_max)
    where = run_directory(settings)
    page = _resumable(where, lambda: jobs.invert(settings, resume=resume is not None))
    _tell_result(where, page)


@app.command()
@guarded
def forward(
    model: Annotated[str, typer.Argument(help="A job (.toml), or a model: SEG-Y, .npz, .npy.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="SEG-Y file to write.")] = None,
    model_spacing: ModelSpacing = None,
    peak: Annotated[float | None, typer.Option(help="Peak frequency of the Ricker wavelet, Hz.")] = None,
    duration: Annotated[float | None, typer.Option(help="Length of a record, s.")] = None,
    dt: Annotated[float | None, typer.Option(help="Sample interval, s.")] = None,
    source_every: Annotated[float | None, typer.Option(help="Distance between sources, m.")] = None,
    receiver_every: Annotated[float | None, typer.Option(help="Distance between receivers, m.")] = None,
    noise: Annotated[float | None, typer.Option(help="RMS of the noise over RMS of the signal.")] = None,
    free_surface: FreeSurface = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the noise.")] = None,
    overwrite: Overwrite = False,
    threads: Threads = None,
    setting: Set = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Model a synthetic survey over a velocity model, and write it as SEG-Y with full geometry headers."""
    from seisinv.jobs.forward import model_survey

    is_job = model.endswith(".toml")
    flags = {
        "start.vp": None if is_job else str(Path(model).resolve()),
        "start.spacing": model_spacing,
        "forward.output": absolute(output),
        "forward.peak": peak,
        "forward.duration": duration,
        "forward.dt": dt,
        "forward.sources.every": source_every,
        "forward.receivers.every": receiver_every,
        "forward.noise": noise,
        "propagator.free_surface": free_surface,
        "run.seed": seed,
        "run.threads": threads,
    }
    settings = settings_of(model if is_job else None, flags, setting)
    path = model_survey(settings, overwrite=overwrite)
    typer.echo(f"wrote {path}")


@app.command()
@guarded
def check(
    job: Annotated[str, typer.Argument(metavar="DATA | JOB.toml", help="A SEG-Y, SU or SEG-2 file, or a job.")],
    start: Start = None,
    model_spacing: ModelSpacing = None,
    v0: V0 = None,
    gradient: Gradient = None,
    bands: Bands = None,
    iterations: Iterations = None,
    misfit: MisfitName = None,
    vp_min: VpMin = None,
    vp_max: VpMax = None,
    water: Water = None,
    spacing: Spacing = None,
    depth: Depth = None,
    free_surface: FreeSurface = None,
    peak: Peak = None,
    every: Every = None,
    header: Header = None,
    units: Units = None,
    coordinate_units: CoordinateUnits = None,
    vertical: Vertical = None,
    shots_by: ShotsBy = None,
    members: Members = None,
    threads: Threads = None,
    setting: Set = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say before any work: stability, points per wavelength, memory, time, and how good the start model is."""
    from seisinv.jobs.check import check_job

    flags = {
        **start_flags(start, model_spacing, v0, gradient),
        "inversion.bands": numbers("--bands", bands),
        "inversion.iterations": iterations,
        "inversion.misfit": misfit,
        "inversion.water": water,
        "grid.spacing": spacing,
        "grid.depth": depth,
        "propagator.free_surface": free_surface,
        **shot_flags(peak, every),
        "ensemble.members": members,
        "run.threads": threads,
        **data_flags(header, units, coordinate_units, vertical, shots_by),
    }
    settings = with_bounds(settings_of(job, flags, setting), vp_min, vp_max)
    for text in check_job(settings):
        typer.echo(text)


@app.command()
@guarded
def info(
    file: Annotated[list[str], typer.Argument(help="SEG-Y, SU or SEG-2 file, or several that make one line.")],
    plot: Annotated[
        Path | None, typer.Option(help="Also draw map, gather and spectrum to this .png, .pdf or .svg.")
    ] = None,
    header: Header = None,
    units: Units = None,
    coordinate_units: CoordinateUnits = None,
    vertical: Vertical = None,
    shots_by: ShotsBy = None,
    debug: Debug = False,
) -> None:
    """Say what a data file holds: traces, shots, geometry, band, units, dead traces, odd headers."""
    from seisinv import io

    logging.getLogger("seisinv.io").setLevel(logging.ERROR)  # its remarks are part of what is printed
    found = io.describe(
        file if len(file) > 1 else file[0],
        headers=header_bytes(header),
        units=units,
        coordinate_units=coordinate_units,
        vertical=vertical,
        shots_by=shots_by,
    )
    typer.echo(with_flags(io.as_text(found)))
    if plot is None:
        return
    if found.line is None:
        raise ConfigError(f"nothing to plot: {found.problem}")
    from seisinv.plot import overview, save

    if plot.suffix.lower() not in (".png", ".pdf", ".svg"):
        raise ConfigError(f"--plot {plot}: the picture must end in .png, .pdf or .svg")
    save(overview(found.line, title=Path(file[0]).name), plot)
    typer.echo(f"\nwrote {plot}")


@app.command()
@guarded
def kernels(
    physics: Annotated[str, typer.Argument(help="Wave equation: acoustic, acoustic_density.")] = "acoustic",
    adjoint: Annotated[bool, typer.Option("--adjoint", help="The adjoint instead of the forward program.")] = False,
    program: Annotated[str | None, typer.Option(help="forward, adjoint, born or second (Hessian–vector).")] = None,
    order: Annotated[int, typer.Option(help="Order of the stencils in space.")] = 8,
    debug: Debug = False,
) -> None:
    """Print the code that is generated from the equations."""
    from seisinv import backends
    from seisinv.physics import by_name

    wanted = program or ("adjoint" if adjoint else "forward")
    if wanted not in backends.PROGRAMS:
        raise ConfigError(f"--program is {wanted!r}; it must be one of {', '.join(backends.PROGRAMS)}")
    if order % 2 or not 2 <= order <= 12:
        raise ConfigError(f"--order is {order}; it must be an even number from 2 to 12")
    typer.echo(backends.source(by_name(physics), order=order, program=wanted))


@app.command()
@guarded
def report(
    run: Annotated[Path, typer.Argument(help="Run directory.")],
    debug: Debug = False,
) -> None:
    """Write report.html and the figures of a run again."""
    from seisinv.report import write_report

    typer.echo(f"report: {write_report(run)}")


def _tell_result(directory: Path, page: Path) -> None:
    from seisinv.report import summary
    from seisinv.runs import read_run

    for text in summary(read_run(directory)):
        typer.echo(text)
    typer.echo(f"model:  {directory / 'model.sgy'}")
    typer.echo(f"report: {page}")


def _resumable(directory: Path, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except KeyboardInterrupt:
        if (directory / "run.toml").exists():
            raise KeyboardInterrupt(f"go on with: seisinv invert --resume {directory}") from None
        raise KeyboardInterrupt("nothing to resume yet; run the same command again") from None
