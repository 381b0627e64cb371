"""The command that makes a start model from first breaks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seisinv.cli.flags import (
    Bands,
    CoordinateUnits,
    Debug,
    Depth,
    Every,
    Header,
    Quiet,
    Set,
    ShotsBy,
    Spacing,
    Threads,
    Units,
    Vertical,
    VpMax,
    VpMin,
    Water,
    absolute,
    data_flags,
    numbers,
    settings_of,
    shot_flags,
    with_bounds,
)
from seisinv.cli.guard import guarded

Peak = Annotated[
    float | None, typer.Option(help="Peak of a Ricker source, Hz: its lag is known; default: fitted as a delay.")
]


@guarded
def start(
    job: Annotated[str, typer.Argument(metavar="DATA | JOB.toml", help="A SEG-Y, SU or SEG-2 file, or a job.")],
    directory: Annotated[Path | None, typer.Option("--directory", "-d", help="Where to keep what comes out.")] = None,
    bands: Bands = None,
    vp_min: VpMin = None,
    vp_max: VpMax = None,
    water: Water = None,
    spacing: Spacing = None,
    depth: Depth = None,
    peak: Peak = None,
    every: Every = None,
    header: Header = None,
    units: Units = None,
    coordinate_units: CoordinateUnits = None,
    vertical: Vertical = None,
    shots_by: ShotsBy = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier start model.")] = False,
    threads: Threads = None,
    setting: Set = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Pick first breaks and fit a smooth velocity model to them, for `invert --start`."""
    from seisinv.jobs.start import make_start

    flags = {
        "run.directory": absolute(directory),
        "inversion.bands": numbers("--bands", bands),
        "inversion.water": water,
        "grid.spacing": spacing,
        "grid.depth": depth,
        **shot_flags(peak, every),
        "run.threads": threads,
        **data_flags(header, units, coordinate_units, vertical, shots_by),
    }
    settings = with_bounds(settings_of(job, flags, setting), vp_min, vp_max)
    path = make_start(settings, overwrite=overwrite)
    typer.echo(f"model:  {path}")
    typer.echo(f"report: {path.with_name('start.html')}")
    typer.echo(f"go on:  seisinv invert {job} --start {path}")
