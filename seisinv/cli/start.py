"""The command that makes a starting model from first breaks."""

from __future__ import annotations

import shlex
from typing import Annotated, Any

import typer

from seisinv.cli.ends import end, tell_faults
from seisinv.cli.flags import DATA, EVERY_JOB, JOB, MODEL, settings_of, takes
from seisinv.cli.guard import guarded


@guarded
@takes("run.directory", *MODEL, "wavelet.peak", *DATA, "overwrite", "force", *EVERY_JOB)
def start(
    job: Annotated[list[str], typer.Argument(metavar="DATA … | JOB.toml", help=JOB)],
    *,
    given: dict[str, Any],
) -> None:
    """Pick first breaks and fit a smooth velocity model to them, for `invert --start`."""
    from seisinv.jobs.start import make_start

    made = make_start(settings_of(job, given), overwrite=given["overwrite"], force=given["force"])
    tell_faults(made.faults, "fitted" if made.kept else "no model is kept")
    if made.kept:
        typer.echo(f"model:  {made.model}")
    typer.echo(f"report: {made.page}")
    if made.kept:
        typer.echo(f"go on:  seisinv invert {shlex.quote(str(made.job))}")
    else:
        typer.echo("go on:  correct the data or their headers; --force keeps the model")
    end(made.faults)
