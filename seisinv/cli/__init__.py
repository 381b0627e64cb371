"""Commands: `seisinv demo | start | forward | invert | compare | check | info | kernels | report | train | data`.

Errors are one line on stderr and exit code 2, tracebacks only with --debug; an interruption ends with exit code 130 and
says how to go on. Commands import what they need when they run, so that --help and info answer at once.
"""

import sys

from seisinv.cli.commands import app
from seisinv.cli.compare import compare
from seisinv.cli.data import data
from seisinv.cli.start import start
from seisinv.cli.train import train

app.command()(start)
app.command()(compare)
app.add_typer(train, name="train")
app.add_typer(data, name="data")

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; what the terminal's encoding lacks becomes a question mark."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    app()
