"""The command that makes a starting model from first breaks."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from seisinv.cli.ends import end, tell_faults
from seisinv.cli.flags import DATA, EVERY_JOB, MODEL, settings_of, takes
from seisinv.cli.guard import guarded


@guarded
@takes("run.directory", *MODEL, "wavelet.peak", *DATA, "overwrite", *EVERY_JOB)
def start(
    job: Annotated[str, typer.Argument(metavar="DATA | JOB.toml", help="A SEG-Y, SU or SEG-2 file, or a job.")],
    *,
    given: dict[str, Any],
) -> None:
    """Pick first breaks and fit a smooth velocity model to them, for `invert --start`."""
    from seisinv.jobs.start import make_start

    path, faults = make_start(settings_of(job, given), overwrite=given["overwrite"])
    tell_faults(faults, "fitted")
    typer.echo(f"model:  {path}")
    typer.echo(f"report: {path.with_name('start.html')}")
    typer.echo(f"go on:  seisinv invert {job} --start {path}")
    end(faults)
