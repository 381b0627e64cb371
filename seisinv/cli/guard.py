"""Errors as a user should see them: one line on stderr and exit code 2, an interruption with what to do next."""

from __future__ import annotations

import errno
import functools
import logging
import os
import re
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import typer

from seisinv.core import SeisinvError

Command = TypeVar("Command", bound=Callable[..., Any])


def guarded(command: Command) -> Command:
    """Turn errors into one line and exit code 2, an interruption into exit code 130."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> Any:
        _log_to_stderr(quiet=kwargs.get("quiet", False), debug=kwargs["debug"])
        try:
            return command(*args, **kwargs)
        except KeyboardInterrupt as stop:
            typer.echo(f"\nstopped{_one_line(stop)}", err=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # The reader of our output, such as `head`, has left: nothing is wrong.
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (kept until the interpreter ends)
            raise typer.Exit(0) from None
        except Exception as error:
            code = 2 if isinstance(error, SeisinvError | OSError | MemoryError) else 1
            if kwargs["debug"] or isinstance(error, typer.Exit | typer.TyperException | typer.Abort):
                raise
            typer.echo(f"seisinv: {_explained(error)}", err=True)
            raise typer.Exit(code) from None

    return run  # type: ignore[return-value]


def _explained(error: Exception) -> str:
    if isinstance(error, SeisinvError):
        return _text(error)
    if isinstance(error, MemoryError):
        return "the memory is full; use a larger grid.spacing, fewer threads, or propagator.memory='checkpoints'"
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
    return with_flags(" ".join(str(error).split()))


# Messages of the package name Python arguments; on the command line the same things are flags.
_FLAGS = (
    (re.compile(r"""headers=\{["'](\w+)["']: (\d+)\}"""), r"--header \1=\2"),
    (re.compile(r"""\bunits=["'](metres|feet)["']"""), r"--units \1"),
    (re.compile(r"""\bunits=["'](km/s|ft/s)["']"""), r"--set start.units=\1"),
    (re.compile(r"""\b(vertical|shots_by|coordinate_units)=["'](\w+)["']"""), r"--\1 \2"),
    (re.compile(r"overwrite=True"), "--overwrite"),
    (re.compile(r"""\bdevice=["'](\w+)["']"""), r"--device \1"),
    (re.compile(r"pass spacing=… \(or \(dz, dx\)\)"), "give --model-spacing METRES (or --set start.spacing=[dz,dx])"),
    (
        re.compile(r"pass shape=\(nz, nx\), dtype and layout"),
        "give --set start.shape=[nz,nx], --set start.dtype=… and --set start.layout=…",
    ),
    (re.compile(r"""\blayout=["'](xz|zx)["']"""), r"--set start.layout=\1"),
    (
        re.compile(r"widen the bounds, clip the model, or mask the water"),
        "change --vp-min, --vp-max, --water or the model",
    ),
    (re.compile(r"raise vp_max or leave it out"), "raise --vp-max (or propagator.vp_max)"),
    (
        re.compile(r"extend the grid or drop it with survey\.inside\(grid\)"),
        "use a larger --depth, and leave out grid.shape and grid.origin, so that the grid follows the data",
    ),
)


def with_flags(text: str) -> str:
    """Return a message with flags in place of Python arguments."""
    for pattern, flag in _FLAGS:
        text = pattern.sub(flag, text)
    return text.replace("--coordinate_units", "--coordinate-units").replace("--shots_by", "--shots-by")


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return the message alone, with flags in place of Python arguments."""
        return with_flags(super().format(record))


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
