"""The table of the flags, and what is made of it: options of commands, settings of jobs, flags in the texts of errors.

A flag is written once, as a row of `FLAGS`. Its type and its help are those of the setting unless the row says
otherwise; a command names the rows that it takes, `@takes("inversion.water", …)`, and gets the values by key.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from seisinv.core import Argument, Code, ConfigError
from seisinv.io.tables import ROLES
from seisinv.jobs import config
from seisinv.jobs.settings import WIDE, Settings


def setting(key: str) -> FieldInfo | None:
    """Return what the settings say of a dotted key; None where there is no such setting."""
    fields: Mapping[str, FieldInfo] = Settings.model_fields
    *tables, name = key.split(".")
    for table in tables:
        kind = fields[table].annotation if table in fields else None
        is_table = typing.get_origin(kind) is None and isinstance(kind, type) and issubclass(kind, BaseModel)
        fields = typing.cast("type[BaseModel]", kind).model_fields if is_table else {}
    return fields.get(name)


def _kind(annotation: Any) -> type:
    """Return what is typed for a value: bool, int, float, or a text that holds anything else."""
    if typing.get_origin(annotation) is Annotated:
        return _kind(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        kinds = {_kind(a) for a in typing.get_args(annotation) if a is not types.NoneType}
        return kinds.pop() if len(kinds) == 1 else str
    return annotation if annotation in (bool, int, float) else str


def _choices(annotation: Any) -> list[str]:
    """Return the words that a setting may be, none where it may be anything."""
    if typing.get_origin(annotation) is typing.Literal:
        return [str(word) for word in typing.get_args(annotation)]
    return [word for part in typing.get_args(annotation) for word in _choices(part)]


def _as_typed(flag: str, value: Any) -> Any:
    return value


@dataclass(frozen=True)
class Flag:
    """A flag that stands for a setting, or for an argument of one name in several commands.

    Parameters
    ----------
    key : str
        Dotted key of the setting; a key without a dot stands for no setting.
    name : str
        `--water`; for an option that is true or false `--free-surface`, which brings `--no-free-surface`.
    help : str
        Default: what the settings say of the key.
    metavar : str, optional
        What the help calls the value.
    kind : type, optional
        Of what is typed; default: that of the setting, text for lists and tables.
    read : function of the flag's name and what was typed
        Returns the value of the setting, or refuses it with a ConfigError.
    short : str, optional
        `-d`.

    Examples
    --------
    >>> Flag("data.every", "--every").parameter().name
    'every'
    """

    key: str
    name: str
    help: str = ""
    metavar: str | None = None
    kind: Any = None
    read: Callable[[str, Any], Any] = _as_typed
    short: str | None = None

    def parameter(self) -> inspect.Parameter:
        """Return the parameter of a command from which typer makes the option."""
        field = setting(self.key) or FieldInfo(annotation=str)
        kind = self.kind or _kind(field.annotation)
        # Named in full, an option has no counterpart --no-….
        names = [] if _kind(field.annotation) is bool else [self.name, *([self.short] if self.short else [])]
        text = self.help or field.description or ""
        if self.metavar is None and (choices := _choices(field.annotation)):
            text += f": {', '.join(choices[:-1])}{' or ' * (len(choices) > 1)}{choices[-1]}"
        option = typer.Option(*names, metavar=self.metavar, help=f"{text[:1].upper()}{text[1:]}.")
        return inspect.Parameter(
            self.name.strip("-").replace("-", "_"),
            inspect.Parameter.KEYWORD_ONLY,
            default=False if kind is bool and names else None,
            annotation=Annotated[kind | None, option],
        )


def numbers(flag: str, text: str) -> list[float]:
    """Return the numbers of a text such as 3,5,8."""
    try:
        return [float(part) for part in (text.split(",") if "," in text else text.split())]
    except ValueError:
        raise ConfigError(f"{flag} {text!r} is not a list of numbers; for example {flag} 3,5,8") from None


def whole_numbers(flag: str, text: str) -> list[int]:
    """Return the whole numbers of a text such as 0,1,2."""
    found = numbers(flag, text)
    if any(v != int(v) for v in found):
        raise ConfigError(f"{flag} {text!r} holds a number that is not whole; for example {flag} 0,1,2")
    return [int(v) for v in found]


def absolute(flag: str, path: str | Path) -> str:
    """Return a path that means the same from every folder."""
    return str(Path(path).resolve())


def _metres_per_second(flag: str, value: float) -> float:
    """Refuse what can only be km/s."""
    if 0 < value < 20:
        raise ConfigError(
            f"{flag} is {value:g} m/s; velocities are in m/s: did you mean km/s? Use {flag} {1000 * value:g}"
        )
    return value


def _velocity_or_path(flag: str, text: str) -> float | str:
    try:
        value = float(text)
    except ValueError:
        return absolute(flag, text)
    return _metres_per_second(flag, value)


def _density_or_path(flag: str, text: str) -> float | str:
    try:
        value = float(text)
    except ValueError:
        return absolute(flag, text)
    if 0 < value < 20:
        raise ConfigError(
            f"{flag} is {value:g} kg/m³; densities are in kg/m³: did you mean g/cm³? Use {flag} {1000 * value:g}"
        )
    return value


def _names(flag: str, texts: list[str]) -> list[str] | None:
    """Return names from vz,vx, given once or several times."""
    return [name.strip() for text in texts for name in text.split(",")] or None


def _depth_or_layer(flag: str, text: str) -> float | str:
    try:
        return text if text == "layer" else float(text)
    except ValueError:
        raise ConfigError(f"{flag} {text!r} is neither a depth in m nor the word layer") from None


def _header_bytes(flag: str, pairs: list[str]) -> dict[str, int | str] | None:
    """Return header fields and their bytes from FIELD=BYTE or FIELD=BYTE:KIND texts."""
    out: dict[str, int | str] = {}
    for pair in pairs:
        name, _, byte = pair.partition("=")
        if not byte.strip().partition(":")[0].isdigit():
            raise ConfigError(f"{flag} {pair!r} is not FIELD=BYTE; for example {flag} source_x=181")
        out[name.strip()] = int(byte) if byte.strip().isdigit() else byte.strip()
    return out or None


def _header_values(flag: str, pairs: list[str]) -> dict[str, float] | None:
    """Return header fields and what they hold from FIELD=NUMBER texts."""
    out = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        try:
            out[name.strip()] = float(value)
        except ValueError:
            raise ConfigError(f"{flag} {pair!r} is not FIELD=NUMBER; for example {flag} sample_interval=500") from None
    return out or None


def _tables(flag: str, names: list[str]) -> list[str] | None:
    """Return tables, [ROLE=]FILE, with absolute paths."""
    split = [name.partition("=") if name.partition("=")[0] in ROLES else ("", "", name) for name in names]
    return [f"{role}{mark}{absolute(flag, path)}" for role, mark, path in split] or None


def _spread(flag: str, text: str) -> dict[str, float]:
    """Return a regular spread from spacing=2.5,first=5."""
    try:
        return {name.strip(): float(value) for name, _, value in (part.partition("=") for part in text.split(","))}
    except ValueError:
        raise ConfigError(f"{flag} {text!r} is not NAME=METRES,…; for example {flag} spacing=2.5,first=5") from None


def _cluster(flag: str, text: str) -> str:
    return absolute(flag, text) if text.endswith(".json") else text


def _parsed(flag: str, pairs: list[str]) -> dict[str, Any]:
    """Return settings by dotted key from KEY=VALUE texts, their paths absolute."""
    return config.anchored(dict(config.parse_setting(text) for text in pairs), Path.cwd())


FLAGS = {
    flag.key: flag
    for flag in (
        Flag("run.directory", "--directory", "where to keep the run", kind=Path, read=absolute, short="-d"),
        Flag("start.vp", "--start", "starting model: a file, or one value in m/s", read=_velocity_or_path),
        Flag("start.vs", "--vs", "S velocity: a file, or one value in m/s", read=_velocity_or_path),
        Flag("start.rho", "--rho", "density: a file, or one value in kg/m³", read=_density_or_path),
        Flag("start.spacing", "--model-spacing", "spacing of a model file that does not say", "METRES", float),
        Flag("start.v0", "--v0", "without a starting model: velocity at the top, m/s", read=_metres_per_second),
        Flag("start.gradient", "--gradient", "without a starting model: velocity increase with depth, 1/s"),
        Flag("inversion.bands", "--bands", "low-pass corners, low to high: 3,5,8 (Hz)", read=numbers),
        Flag("inversion.iterations", "--iterations", "updates per band; default: as many as the budget allows"),
        Flag("inversion.effort", "--effort", "100, 300 or 900 gradients"),
        Flag("inversion.minutes", "--minutes", "time that the run may take, instead of an effort"),
        Flag("inversion.optimizer", "--optimizer", "optimisation method"),
        Flag("inversion.misfit", "--misfit", "misfit of the data"),
        Flag("inversion.budget", "--budget", "wave-equation solves that each run of a job may cost"),
        Flag("inversion.bounds.vp.low", "--vp-min", "lowest velocity allowed, m/s", None, float, _metres_per_second),
        Flag("inversion.bounds.vp.high", "--vp-max", "highest velocity allowed, m/s", None, float, _metres_per_second),
        Flag(
            "inversion.water",
            "--water",
            "keep the starting model above this depth, m, or its layer of water",
            "DEPTH|layer",
            str,
            _depth_or_layer,
        ),
        Flag("grid.spacing", "--spacing", "grid spacing, m", kind=float),
        Flag("grid.depth", "--depth", "depth of the model, m"),
        Flag("propagator.physics", "--physics", "wave equation: acoustic, acoustic_density, elastic, elastic_sh"),
        Flag(
            "survey.kind",
            "--kind",
            "what sources are: explosion, fz, fx, or a sum such as mzz=1,mxx=-1",
            "KIND",
            str,
        ),
        Flag("survey.components", "--component", "what is measured: vz,vx", "NAMES", list[str], _names),
        Flag("propagator.free_surface", "--free-surface", "pressure-free surface at the top"),
        Flag("wavelet.peak", "--peak", "peak frequency of the sources' Ricker wavelet, Hz; default: it is estimated"),
        Flag("data.every", "--every"),
        Flag("data.clean", "--clean", "remove offset, spikes and hum; leave out noisy and reversed traces"),
        Flag("data.held_out", "--held-out", "keep one of every N shots of a job back"),
        Flag(
            "data.headers",
            "--header",
            "where a header field is stored: source_x=181 (bytes from 1), source_x=181:float32",
            "FIELD=BYTE",
            list[str],
            _header_bytes,
        ),
        Flag(
            "data.values",
            "--value",
            "what a header field holds in every trace, in the file's unit: sample_interval=500",
            "FIELD=NUMBER",
            list[str],
            _header_values,
        ),
        Flag("data.units", "--units", "unit of lengths, where the file does not say or is wrong"),
        Flag("data.coordinate_units", "--coordinate-units", "unit of coordinates, whatever the file says"),
        Flag("data.vertical", "--vertical", "what the elevation fields hold"),
        Flag("data.shots_by", "--shots-by", "what distinguishes shots"),
        Flag("data.datum", "--datum", "elevation of z = 0, m", kind=float),
        Flag(
            "data.geometry",
            "--geometry",
            "a table of positions, shifts, killed traces; sources=, receivers=, relations= where columns have no names",
            "[ROLE=]FILE",
            list[str],
            _tables,
        ),
        Flag("data.layout", "--layout", "a regular spread, m: spacing=2.5,first=5,move=10", "NAME=M,…", str, _spread),
        Flag("data.projection", "--projection", "of a crooked line: straight, or so that offsets are kept"),
        Flag("data.sample_format", "--sample-format", "format of the samples, whatever the file says"),
        Flag("data.byte_order", "--byte-order", "byte order of the samples"),
        Flag("data.polarity", "--polarity", "reversed: samples change their sign"),
        Flag(
            "data.component",
            "--component",
            "which of several: a trace identification code, 12, or the first of every three traces, 1/3",
            "CODE|N/M",
            str,
        ),
        Flag(
            "data.delays",
            "--delay",
            "added to the times of the records, s: one number, or one for each file, 0,0.02",
            "SECONDS",
            str,
            numbers,
        ),
        Flag("ensemble.members", "--members", "number of inversions, each with other noise, for an uncertainty"),
        Flag("forward.output", "--output", kind=Path, read=absolute, short="-o"),
        Flag("forward.peak", "--peak", "peak frequency of the Ricker wavelet, Hz"),
        Flag("forward.duration", "--duration", "length of a record, s"),
        Flag("forward.dt", "--dt"),
        Flag("forward.sources.every", "--source-every", "distance between sources, m"),
        Flag("forward.receivers.every", "--receiver-every", "distance between receivers, m"),
        Flag("forward.noise", "--noise", "RMS of the noise over RMS of the signal"),
        Flag("compare.held_band", "--held-band", "frequencies that are only predicted: 12,16 (Hz)", read=numbers),
        Flag(
            "compare.seeds", "--seeds", "repeat every run of a job with each of these seeds: 0,1,2", read=whole_numbers
        ),
        Flag("run.truth", "--truth", "true model, where known: only measured against", read=absolute),
        Flag("run.seed", "--seed", "seed of all random numbers"),
        Flag("overwrite", "--overwrite", "replace an existing file", kind=bool),
        Flag("force", "--force", "keep a model that the data reject", kind=bool),
        Flag("device", "--device", "where to train: auto, cpu or cuda"),
        Flag("run.threads", "--threads", "number of threads; default: all cores"),
        Flag(
            "run.cluster",
            "--cluster",
            "where shots are computed: local:N processes, a Dask scheduler's address or file, slurm, pbs, …; none",
            "WHERE",
            read=_cluster,
        ),
        Flag("run.jobs", "--jobs", "number of jobs that are submitted to the queue of --cluster"),
        Flag(
            "run.insecure",
            "--cluster-insecure",
            "use a network without TLS: whoever reaches it can run programs as you",
            kind=bool,
        ),
        Flag("run.lifetime", "--lifetime", "stop after so many minutes, to be resumed (exit code 75)", "MINUTES"),
        Flag("set", "--set", "any setting: inversion.iterations=5", "KEY=VALUE", list[str], _parsed, "-s"),
        Flag("quiet", "--quiet", "show errors only", kind=bool, short="-q"),
    )
}

JOB = "SEG-Y, SU or SEG-2 files that make one line, or a job."

# Flags that commands share.
START = ("start.vp", "start.vs", "start.rho", "start.spacing", "start.v0", "start.gradient")
BOUNDS = ("inversion.bounds.vp.low", "inversion.bounds.vp.high", "inversion.water")
MODEL = ("inversion.bands", *BOUNDS, "grid.spacing", "grid.depth")
EFFORT = ("inversion.iterations", "inversion.effort", "inversion.minutes", "inversion.budget")
WAVES = ("propagator.physics", "survey.kind", "propagator.free_surface")
METHOD = (*EFFORT, "inversion.misfit", *WAVES, "wavelet.peak")
HEADERS = (
    "data.headers",
    "data.values",
    "data.units",
    "data.coordinate_units",
    "data.vertical",
    "data.shots_by",
    "data.datum",
    "data.geometry",
    "data.layout",
    "data.projection",
    "data.sample_format",
    "data.byte_order",
    "data.polarity",
    "data.component",
    "data.delays",
)
DATA = ("data.every", "data.clean", *HEADERS)
INVERSION = (*START, *MODEL, *METHOD, *DATA, "ensemble.members")
CLUSTER = ("run.cluster", "run.jobs", "run.insecure")
EVERY_JOB = ("run.threads", "set", "quiet")

#: Keys of the flags that the running command takes.
taken: ContextVar[tuple[str, ...]] = ContextVar("taken", default=())


def takes(*keys: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of some rows of `FLAGS`.

    Parameters
    ----------
    *keys : str
        Keys of the rows, in the order of the help.

    Returns
    -------
    decorator
        Of a function with a keyword `given`, a dict of values by key: None, or False, where a flag was not typed.
    """
    flags = [FLAGS[key] for key in keys]
    parameters = [flag.parameter() for flag in flags]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(**typed: Any) -> None:
            taken.set(keys)
            values = [typed.pop(parameter.name) for parameter in parameters]
            given = {f.key: v if v is None else f.read(f.name, v) for f, v in zip(flags, values, strict=True)}
            command(given=given, **typed)

        return with_parameters(run, command, parameters, without="given")

    return decorate


def with_parameters(
    run: Callable[..., None], command: Callable[..., None], more: Sequence[inspect.Parameter], without: str = ""
) -> Callable[..., None]:
    """Let a function that wraps a command take its parameters, more of them, and not the one named."""
    signature = inspect.signature(command, eval_str=True)
    kept = [p for p in signature.parameters.values() if p.name != without]
    run.__signature__ = signature.replace(parameters=[*kept, *more])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in (*kept, *more)}
    return run


def named(files: Sequence[str]) -> list[str]:
    """Return the files of names, patterns such as line*.sg2 among them expanded, in the order of their numbers."""

    def by_number(name: str) -> list[tuple[int, str]]:
        return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]

    out = []
    for name in files:
        found = sorted(glob(name), key=by_number) if not Path(name).exists() and has_magic(name) else []
        out += found or [name]
    return out


def settings_of(job: str | Sequence[str] | None, given: dict[str, Any]) -> Settings:
    """Return the settings of a job or of data files, overridden by what was typed; --set has the last word.

    Parameters
    ----------
    job : str or sequence of str, optional
        A job (.toml), or data files that make one line, or patterns of their names.
    given : values by key
        As a command that `takes` flags gets them.

    Raises
    ------
    ConfigError
        For anything unknown, of the wrong type or out of range.
    """
    flags = {key: value for key, value in given.items() if setting(key)}
    if flags.get("wavelet.peak") is not None:
        flags["wavelet.kind"] = "ricker"
    files = named([job] if isinstance(job, str) else list(job or ()))
    jobs = [file for file in files if file.endswith(".toml")]
    if jobs and len(files) > 1:
        raise ConfigError(f"{' and '.join(files[:2])} are given; name one job, or files of data that make one line")
    path = jobs[0] if jobs else None
    if files and path is None:
        flags = {"data.path": [absolute("", file) for file in files], **flags}
    if not files and "inversion.bands" in flags:
        raise ConfigError("nothing to invert; name a SEG-Y file or a job: seisinv invert line.sgy")
    flags |= given.get("set") or {}
    settings = config.load(path, flags)
    low, high = (given.get(f"inversion.bounds.vp.{end}") for end in ("low", "high"))
    if low is None and high is None:
        return settings
    lowest, highest = (settings.inversion.bounds or {}).get("vp", WIDE["vp"])
    low, high = lowest if low is None else low, highest if high is None else high
    if low >= high:
        raise ConfigError(f"--vp-min is {low:g} m/s and --vp-max {high:g} m/s; the lowest must be below the highest")
    return config.load(path, {**flags, "inversion.bounds.vp": [low, high]})


def as_flag(part: Argument | Code) -> str | None:
    """Return an argument in a message as the running command has it: a flag, else a setting; None where it has neither.

    Examples
    --------
    >>> as_flag(Argument("propagator.vp_max"))
    'propagator.vp_max'
    """
    if isinstance(part, Code):
        return None
    keys = [key for key in taken.get() if key == part.key or key.startswith(f"{part.key}.")]
    if keys:
        return " or ".join(_with_value(FLAGS[key], part.value) for key in keys)
    if setting(part.key) is None and setting(part.key.rpartition(".")[0]) is None:
        return None
    if part.value is None or "set" not in taken.get():
        return part.key if part.value in (None, ...) else None
    value = "…" if part.value is ... else json.dumps(part.value, separators=(",", ":")).strip('"')
    return f"--set {part.key}={value}"


def _with_value(flag: Flag, value: Any) -> str:
    if value is False:
        return flag.name.replace("--", "--no-")
    if value is None or value is True or (value is ... and flag.metavar is None):
        return flag.name
    if isinstance(value, dict):
        return " ".join(f"{flag.name} {name}={v}" for name, v in value.items())
    if isinstance(value, list):
        return " ".join(f"{flag.name} {v}" for v in value)
    return f"{flag.name} {flag.metavar if value is ... else value}"
