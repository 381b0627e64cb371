"""Errors as a user should see them: one line on stderr and exit code 2, an interruption with what to do next."""

from __future__ import annotations

import copy
import errno
import functools
import inspect
import logging
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from seisinv.cli.ends import UNFINISHED
from seisinv.cli.flags import as_flag, taken, with_parameters
from seisinv.core import Message, SeisinvError
from seisinv.core.errors import printable
from seisinv.core.stopping import LifetimeOver, interruptible

DEBUG = inspect.Parameter(
    "debug",
    inspect.Parameter.KEYWORD_ONLY,
    default=False,
    annotation=Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")],
)


def guarded(command: Callable[..., None]) -> Callable[..., None]:
    """Turn errors into one line and exit code 2, an interruption into exit code 130, and add --debug.

    Parameters
    ----------
    command : function
        Of a keyword `quiet`, if it has one, and what typer passes.
    """

    @functools.wraps(command)
    def run(*, debug: bool = False, **kwargs: Any) -> Any:
        taken.set(())
        _log_to_stderr(quiet=kwargs.get("quiet", False), debug=debug)
        try:
            with interruptible():
                return command(**kwargs)
        except KeyboardInterrupt as stop:
            typer.echo(f"\nstopped{printable(_one_line(stop))}", err=True)
            raise typer.Exit(UNFINISHED if isinstance(stop, LifetimeOver) else 130) from None
        except BrokenPipeError:
            # The reader of our output, such as `head`, has left: nothing is wrong.
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (kept until the interpreter ends)
            raise typer.Exit(0) from None
        except Exception as error:
            code = 2 if isinstance(error, SeisinvError | OSError | MemoryError) else 1
            if debug or isinstance(error, typer.Exit | typer.TyperException | typer.Abort):
                raise
            typer.echo(printable(f"seisinv: {_explained(error)}"), err=True)
            raise typer.Exit(code) from None

    return with_parameters(run, command, [DEBUG])


def _explained(error: Exception) -> str:
    if isinstance(error, SeisinvError):
        return error.rendered(as_flag)
    if isinstance(error, MemoryError):
        return "the memory is full; use a larger grid.spacing, fewer threads, or --set propagator.memory=checkpoints"
    if isinstance(error, OSError):
        what = error.strerror or _text(error)
        remedy = {
            errno.ENOSPC: "; free some space, then run the same command again",
            errno.EACCES: "; choose a place that you may write to",
            errno.ENOENT: "; check the name",
        }.get(error.errno or 0, "")
        return f"{error.filename}: {what}{remedy}" if error.filename else f"{what}{remedy}"
    return f"internal error, please report it: {type(error).__name__}: {_text(error)} (--debug shows where)"


def _text(error: BaseException) -> str:
    return " ".join(str(error).split())


def with_flags(value: Any) -> Any:
    """Return a message with its arguments as flags, and anything else as it is."""
    return (value.rendered(as_flag) or value) if isinstance(value, Message) else value


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return the message alone, in one line, its arguments as flags."""
        shown = copy.copy(record)
        shown.msg = with_flags(record.msg)
        if isinstance(record.args, tuple):
            shown.args = tuple(map(with_flags, record.args))
        return printable(super().format(shown))


def _one_line(stop: BaseException) -> str:
    return f"; {_text(stop)}" if str(stop) else ""


def _log_to_stderr(*, quiet: bool, debug: bool) -> None:
    root = logging.getLogger("seisinv")
    for handler in list(root.handlers):
        root.removeHandler(handler)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(message)s"))
    handler.addFilter(_Once())
    root.addHandler(handler)
    # The progress says the same.
    logging.getLogger("seisinv.inversion").setLevel(logging.DEBUG if debug else logging.WARNING)
    root.setLevel(logging.ERROR if quiet else logging.DEBUG if debug else logging.INFO)


class _Once(logging.Filter):
    """Let a warning, or a remark on a data file, through only once, however many steps of a command meet it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to show a record."""
        if record.levelno < logging.WARNING and record.name != "seisinv.io":
            return True
        message = record.getMessage()
        is_new = message not in self.seen
        self.seen.add(message)
        return is_new
