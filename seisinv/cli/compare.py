"""`seisinv compare`: a job's runs, or finished runs, in one table and one page."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seisinv.cli.flags import Debug, Quiet, Set, Threads, absolute, numbers, settings_of
from seisinv.cli.guard import guarded
from seisinv.core import ConfigError

if TYPE_CHECKING:
    from seisinv.compare import Comparison


@guarded
def compare(
    what: Annotated[list[str], typer.Argument(metavar="JOB.toml | RUN_DIR …", help="A job, or directories of runs.")],
    directory: Annotated[Path | None, typer.Option("--directory", "-d", help="Where to keep the comparison.")] = None,
    budget: Annotated[int | None, typer.Option(help="Wave-equation solves each run of a job may cost.")] = None,
    held_out: Annotated[int | None, typer.Option(help="Keep one of every N shots of a job back.")] = None,
    held_band: Annotated[str | None, typer.Option(help="Frequencies that are only predicted: 12,16 (Hz).")] = None,
    seeds: Annotated[str | None, typer.Option(help="Do every run of a job with each of these: 0,1,2.")] = None,
    truth: Annotated[str | None, typer.Option(help="True model, where known: only measured against.")] = None,
    threads: Threads = None,
    setting: Set = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run several inversions of the same data, or take finished ones, and put them side by side.

    After Ctrl-C the same command goes on. Each [[compare.run]] of the job holds a name and whichever keys it changes.
    """

    from seisinv.jobs import compare as compare_jobs

    is_job = len(what) == 1 and what[0].endswith(".toml")
    chosen: dict[str, Any] = {
        "compare.held_band": numbers("--held-band", held_band),
        "run.truth": None if truth is None else str(Path(truth).resolve()),
        "run.threads": threads,
    }
    of_a_job = {
        "inversion.budget": budget,
        "data.held_out": held_out,
        "compare.seeds": _whole("--seeds", seeds),
        "run.directory": absolute(directory),
    }
    if not is_job:
        _refuse_files(what)
        given = [flag for flag in ("inversion.budget", "data.held_out", "compare.seeds") if of_a_job[flag] is not None]
        if given:
            raise ConfigError(f"{given[0]} is set, but finished runs are what they are; leave it out, or name a job")
        overrides = {**chosen, **dict(settings_pairs(setting))}
        outcome, page = compare_jobs.compare_runs(
            [Path(w) for w in what], directory or Path("comparison"), overrides=overrides
        )
    else:
        settings = settings_of(what[0], {**chosen, **of_a_job}, setting)
        command = shlex.join(["seisinv", *_arguments(what[0])])
        try:
            outcome, page = compare_jobs.compare_job(settings, command=command)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("go on with the same command") from None
    _tell(outcome, page)


def settings_pairs(extra: list[str] | None) -> list[tuple[str, Any]]:
    """Return the values of KEY=VALUE texts by dotted key, paths absolute."""
    from seisinv.jobs import config

    return list(config.anchored(dict(config.parse_setting(text) for text in extra or ()), Path.cwd()).items())


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


def _whole(flag: str, text: str | None) -> list[int] | None:
    found = numbers(flag, text)
    if found is None:
        return None
    if any(v != int(v) for v in found):
        raise ConfigError(f"{flag} {text!r} holds a number that is not whole; for example {flag} 0,1,2")
    return [int(v) for v in found]


def _tell(found: Comparison, page: Path) -> None:
    from seisinv.compare import as_text
    from seisinv.compare.page import CSV, JSON

    typer.echo(as_text(found))
    typer.echo(f"report: {page}")
    typer.echo(f"data:   {page.parent / JSON}, {page.parent / CSV}")
