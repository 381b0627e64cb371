"""`seisinv compare`: a job's runs, or finished runs, in one table and one page."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seisinv.cli.ends import end
from seisinv.cli.flags import CLUSTER, EVERY_JOB, FLAGS, settings_of, takes
from seisinv.cli.guard import guarded
from seisinv.core import ConfigError
from seisinv.core.stopping import stopping_after

if TYPE_CHECKING:
    from seisinv.compare import Comparison


@guarded
@takes(
    "run.directory",
    "inversion.budget",
    "data.held_out",
    "compare.held_band",
    "compare.seeds",
    "run.truth",
    *CLUSTER,
    "run.lifetime",
    *EVERY_JOB,
)
def compare(
    what: Annotated[list[str], typer.Argument(metavar="JOB.toml | RUN_DIR …", help="A job, or directories of runs.")],
    *,
    given: dict[str, Any],
) -> None:
    """Run several inversions of the same data, or take finished ones, and compare them.

    After Ctrl-C the same command resumes. Each [[compare.run]] of the job has a name and the settings that it changes.
    """

    from seisinv.jobs import compare as compare_jobs

    is_job = len(what) == 1 and what[0].endswith(".toml")
    if not is_job:
        _refuse_files(what)
        for key in ("inversion.budget", "data.held_out", "compare.seeds"):
            if given[key] is not None:
                raise ConfigError(f"{FLAGS[key].name} does not apply to finished runs; leave it out, or name a job")
        overrides = {key: given[key] for key in ("compare.held_band", "run.truth", "run.threads", *CLUSTER)}
        outcome, page = compare_jobs.compare_runs(
            [Path(w) for w in what],
            Path(given["run.directory"] or "comparison"),
            overrides={**overrides, **(given["set"] or {})},
        )
    else:
        settings = settings_of(what[0], given)
        command = shlex.join(["seisinv", *_arguments(what[0])])
        try:
            with stopping_after(settings.run.lifetime):
                outcome, page = compare_jobs.compare_job(settings, command=command)
        except KeyboardInterrupt as stop:
            raise type(stop)("go on with the same command") from None
    _tell(outcome, page)


def _arguments(job: str) -> list[str]:
    """Return what was typed after the program's name, or the job alone where that is not known."""
    import sys

    typed = sys.argv[1:]
    return typed if typed[:1] == ["compare"] else ["compare", job]


def _refuse_files(what: list[str]) -> None:
    for name in what:
        if name.endswith(".toml"):
            raise ConfigError(f"{name} is a job among {len(what)} arguments; name one job, or directories of runs")
        if not Path(name).is_dir():
            raise ConfigError(f"{name} is not a run directory; name a job (.toml) or directories of finished runs")


def _tell(found: Comparison, page: Path) -> None:
    from seisinv.compare import as_text
    from seisinv.compare.page import CSV, JSON

    for text in found.bad_ends:
        typer.echo(text)
    typer.echo(as_text(found))
    typer.echo(f"report: {page}")
    typer.echo(f"data:   {page.parent / JSON}, {page.parent / CSV}")
    end(found.bad_ends)
