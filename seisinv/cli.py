"""The command line: `seisinv demo | forward | invert | check | info | kernels | report`.

Errors are one line on stderr and exit code 2, tracebacks only with --debug; an interruption ends with exit code 130 and
says how to go on. Commands import what they need when they run, so that --help and info answer at once.
"""

from __future__ import annotations

import errno
import functools
import logging
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from seisinv import __version__
from seisinv.core import ConfigError, RunError, SeisinvError

app = typer.Typer(
    name="seisinv",
    help="Seismic inversion: from a SEG-Y file to a velocity model and a report.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
log = logging.getLogger("seisinv")

Command = TypeVar("Command", bound=Callable[..., Any])

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", "-s", metavar="KEY=VALUE", help="Any setting: inversion.iterations=5")
]
Threads = Annotated[int | None, typer.Option("--threads", min=1, help="Threads to use; default: all cores.")]
Header = Annotated[
    list[str] | None,
    typer.Option("--header", metavar="FIELD=BYTE", help="Where a header field sits: source_x=181 (bytes from 1)."),
]
Units = Annotated[str | None, typer.Option("--units", help="metres or feet, where the file does not say or errs.")]
CoordinateUnits = Annotated[
    str | None, typer.Option("--coordinate-units", help="length: take coordinates called angles as lengths.")
]
ShotsBy = Annotated[str | None, typer.Option("--shots-by", help="record or position: what tells shots apart.")]
Vertical = Annotated[str | None, typer.Option("--vertical", help="elevation or depth: what the elevation fields hold.")]

# What shapes an inversion, for `invert` and for `check`.
Start = Annotated[str | None, typer.Option(help="Start model: a file, or one value in m/s.")]
ModelSpacing = Annotated[
    float | None, typer.Option("--model-spacing", metavar="METRES", help="Spacing of a model file that does not say.")
]
V0 = Annotated[float | None, typer.Option(help="Without a start model: velocity at the top of the rock, m/s.")]
Gradient = Annotated[float | None, typer.Option(help="Without a start model: increase with depth, 1/s.")]
Bands = Annotated[str | None, typer.Option(help="Low-pass corners, low to high: 3,5,8 (Hz).")]
Iterations = Annotated[int | None, typer.Option(help="Updates per band.")]
MisfitName = Annotated[str | None, typer.Option(help="l2, huber, correlation or envelope.")]
VpMin = Annotated[float | None, typer.Option(help="Lowest velocity allowed, m/s.")]
VpMax = Annotated[float | None, typer.Option(help="Highest velocity allowed, m/s.")]
Water = Annotated[float | None, typer.Option(help="Keep the start model above this depth, m.")]
Spacing = Annotated[float | None, typer.Option(help="Grid spacing, m.")]
Depth = Annotated[float | None, typer.Option(help="Depth of the model, m.")]
FreeSurface = Annotated[bool | None, typer.Option(help="Pressure-free surface at the top.")]
Peak = Annotated[float | None, typer.Option(help="Use a Ricker wavelet of this peak (Hz), estimate nothing.")]
Every = Annotated[int | None, typer.Option(help="Use every n-th shot.")]


def main() -> None:
    """Run the command line."""
    app()


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
    return _with_flags(" ".join(str(error).split()))


# Messages of the package name Python arguments; on the command line the same things are flags.
_FLAGS = (
    (re.compile(r"""headers=\{["'](\w+)["']: (\d+)\}"""), r"--header \1=\2"),
    (re.compile(r"""\bunits=["'](metres|feet)["']"""), r"--units \1"),
    (re.compile(r"""\bunits=["'](km/s|ft/s)["']"""), r"--set start.units=\1"),
    (re.compile(r"""\b(vertical|shots_by|coordinate_units)=["'](\w+)["']"""), r"--\1 \2"),
    (re.compile(r"overwrite=True"), "--overwrite"),
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


def _with_flags(text: str) -> str:
    for pattern, flag in _FLAGS:
        text = pattern.sub(flag, text)
    return text.replace("--coordinate_units", "--coordinate-units").replace("--shots_by", "--shots-by")


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return the message alone, with flags in place of Python arguments."""
        return _with_flags(super().format(record))


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
    """Let a warning through only once, however many steps of a command meet it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to show a record."""
        if record.levelno < logging.WARNING:
            return True
        message = record.getMessage()
        is_new = message not in self.seen
        self.seen.add(message)
        return is_new


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
    from seisinv.demo import run_demo

    page = _resumable(directory, lambda: run_demo(directory, seed=seed, threads=threads))
    _tell_result(directory, page)


@app.command()
@guarded
def invert(
    job: Annotated[str | None, typer.Argument(help="A job (.toml), or a SEG-Y, SU or SEG-2 file.")] = None,
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
    truth: Annotated[str | None, typer.Option(help="True model, where known: only measured against.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of everything random.")] = None,
    threads: Threads = None,
    setting: Set = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Invert a file or a job; `seisinv invert line.sgy --start vp0.sgy` is enough."""
    from seisinv import runner

    flags = {
        **_start_flags(start, model_spacing, v0, gradient),
        "run.directory": _absolute(directory or resume),
        "inversion.bands": _numbers("--bands", bands),
        "inversion.iterations": iterations,
        "inversion.optimizer": optimizer,
        "inversion.misfit": misfit,
        "inversion.water": water,
        "grid.spacing": spacing,
        "grid.depth": depth,
        "propagator.free_surface": free_surface,
        **_shot_flags(peak, every),
        "run.truth": None if truth is None else str(Path(truth).resolve()),
        "run.seed": seed,
        "run.threads": threads,
        **_data_flags(header, units, coordinate_units, vertical, shots_by),
    }
    if resume is not None and directory is not None:
        raise ConfigError("--resume and --directory both name the run directory; give one of them")
    if resume is not None and job is None:
        if not (resume / "run.toml").is_file():
            raise RunError(f"{resume} holds no run to resume (no run.toml); name the directory of a run")
        job = str(resume / "run.toml")
    settings = _settings(job, flags, setting)
    settings = _with_bounds(settings, vp_min, vp_max)
    where = runner.run_directory(settings)
    page = _resumable(where, lambda: runner.invert(settings, resume=resume is not None))
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
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")] = False,
    threads: Threads = None,
    setting: Set = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Model a synthetic survey over a velocity model, and write it as SEG-Y with full geometry headers."""
    from seisinv.forward import model_survey

    is_job = model.endswith(".toml")
    flags = {
        "start.vp": None if is_job else str(Path(model).resolve()),
        "start.spacing": model_spacing,
        "forward.output": _absolute(output),
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
    settings = _settings(model if is_job else None, flags, setting)
    path = model_survey(settings, overwrite=overwrite)
    typer.echo(f"wrote {path}")


@app.command()
@guarded
def check(
    job: Annotated[str, typer.Argument(help="A job (.toml), or a SEG-Y, SU or SEG-2 file.")],
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
    threads: Threads = None,
    setting: Set = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say before any work: stability, points per wavelength, memory, time, and how good the start model is."""
    from seisinv.check import check_job

    flags = {
        **_start_flags(start, model_spacing, v0, gradient),
        "inversion.bands": _numbers("--bands", bands),
        "inversion.iterations": iterations,
        "inversion.misfit": misfit,
        "inversion.water": water,
        "grid.spacing": spacing,
        "grid.depth": depth,
        "propagator.free_surface": free_surface,
        **_shot_flags(peak, every),
        "run.threads": threads,
        **_data_flags(header, units, coordinate_units, vertical, shots_by),
    }
    settings = _with_bounds(_settings(job, flags, setting), vp_min, vp_max)
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
        headers=_header_bytes(header),
        units=units,
        coordinate_units=coordinate_units,
        vertical=vertical,
        shots_by=shots_by,
    )
    typer.echo(_with_flags(io.as_text(found)))
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
    from seisinv.job import physics_of

    wanted = program or ("adjoint" if adjoint else "forward")
    if wanted not in backends.PROGRAMS:
        raise ConfigError(f"--program is {wanted!r}; it must be one of {', '.join(backends.PROGRAMS)}")
    if order % 2 or not 2 <= order <= 12:
        raise ConfigError(f"--order is {order}; it must be an even number from 2 to 12")
    typer.echo(backends.source(physics_of(physics), order=order, program=wanted))


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
    from seisinv.report import read_run, summary

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


def _settings(job: str | None, flags: dict[str, Any], extra: list[str] | None) -> Any:
    from seisinv import config

    if job is not None and not job.endswith(".toml"):
        flags = {"data.path": [str(Path(job).resolve())], **flags}
    if job is None and "inversion.bands" in flags:
        raise ConfigError("nothing to invert; name a SEG-Y file or a job: seisinv invert line.sgy")
    # Absolute, so that a run.toml means the same from every folder.
    given = config.anchored(dict(config.parse_setting(text) for text in extra or ()), Path.cwd())
    return config.load(job if job is not None and job.endswith(".toml") else None, {**flags, **given})


def _with_bounds(settings: Any, vp_min: float | None, vp_max: float | None) -> Any:
    from seisinv import config

    if vp_min is None and vp_max is None:
        return settings
    low, high = settings.inversion.bounds.get("vp", [1400.0, 5500.0])
    low = low if vp_min is None else _metres_per_second("--vp-min", vp_min)
    high = high if vp_max is None else _metres_per_second("--vp-max", vp_max)
    if low >= high:
        raise ConfigError(f"--vp-min is {low:g} m/s and --vp-max {high:g} m/s; the lowest must be below the highest")
    bounds = {**settings.inversion.bounds, "vp": [low, high]}
    return config.replaced(settings, inversion__bounds=bounds)


def _start_flags(
    start: str | None, model_spacing: float | None, v0: float | None, gradient: float | None
) -> dict[str, Any]:
    value = _number_or_path(start)
    return {
        "start.vp": _metres_per_second("--start", value) if isinstance(value, float) else value,
        "start.spacing": model_spacing,
        "start.v0": None if v0 is None else _metres_per_second("--v0", v0),
        "start.gradient": gradient,
    }


def _shot_flags(peak: float | None, every: int | None) -> dict[str, Any]:
    return {"wavelet.peak": peak, "wavelet.kind": None if peak is None else "ricker", "data.every": every}


def _metres_per_second(flag: str, value: float) -> float:
    """Refuse what can only be km/s."""
    if 0 < value < 20:
        raise ConfigError(
            f"{flag} is {value:g} m/s; velocities are in m/s: did you mean km/s? Use {flag} {1000 * value:g}"
        )
    return value


def _data_flags(
    header: list[str] | None,
    units: str | None,
    coordinate_units: str | None,
    vertical: str | None,
    shots_by: str | None,
) -> dict[str, Any]:
    return {
        "data.headers": _header_bytes(header),
        "data.units": units,
        "data.coordinate_units": coordinate_units,
        "data.vertical": vertical,
        "data.shots_by": shots_by,
    }


def _header_bytes(pairs: list[str] | None) -> dict[str, int] | None:
    if not pairs:
        return None
    out = {}
    for pair in pairs:
        name, _, byte = pair.partition("=")
        if not byte.strip().isdigit():
            raise ConfigError(f"--header {pair!r} is not FIELD=BYTE; for example --header source_x=181")
        out[name.strip()] = int(byte)
    return out


def _numbers(flag: str, text: str | None) -> list[float] | None:
    if text is None:
        return None
    try:
        return [float(part) for part in (text.split(",") if "," in text else text.split())]
    except ValueError:
        raise ConfigError(f"{flag} {text!r} is not a list of numbers; for example {flag} 3,5,8") from None


def _number_or_path(text: str | None) -> float | str | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return str(Path(text).resolve())


def _absolute(path: Path | None) -> str | None:
    return None if path is None else str(path.resolve())


if __name__ == "__main__":
    main()
