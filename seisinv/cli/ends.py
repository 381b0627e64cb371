"""How commands end: one table of exit codes for all of them, explained in docs/outcome.md."""

from __future__ import annotations

from collections.abc import Sequence

import typer

FAILED, UNFINISHED = 3, 75  # EX_TEMPFAIL of sysexits.h
EXIT_CODES = {
    0: "done",
    1: "a fault of ours (internal error)",
    2: "refused, in one line that says what helps",
    FAILED: "done, but the result fails its own check",
    UNFINISHED: "stopped by --lifetime, to be resumed",
    130: "interrupted (Ctrl-C, SIGTERM, SIGHUP)",
}
EPILOGUE = "Exit codes: " + "; ".join(f"{code} {words}" for code, words in EXIT_CODES.items()) + "."


def end(faults: Sequence[str]) -> None:
    """End a command whose result is there: with exit code 3 where its first line had faults to tell."""
    if faults:
        raise typer.Exit(FAILED)


def tell_faults(faults: Sequence[str], done: str) -> None:
    """Say in the first line what is wrong with what was done, if anything."""
    if faults:
        typer.echo(f"{done}, but {'; '.join(faults)}")
