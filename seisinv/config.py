"""One TOML file describes a job; its keys equal the Python argument names, and command-line flags override it.

Keys that are unknown, of the wrong type or out of range are errors of one line that name the key and the remedy.
`dump` prints the whole of it, defaults included, so that a run can be repeated from its run.toml alone.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from seisinv.core import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def _listed(value: Any) -> Any:
    """Let one value stand for a list of one."""
    return value if isinstance(value, list) else [value]


Many = BeforeValidator(_listed)
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Paths = Annotated[list[str], Field(min_length=1), Many]


class Section(BaseModel):
    """A table of the TOML file: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DataSection(Section):
    """The observed data, as for `seisinv.io.open_line`."""

    path: Paths | None = Field(default=None, description="SEG-Y, SU or SEG-2 file, or several that make one line")
    headers: dict[str, int] = Field(default={}, description="where a field sits in other bytes: {source_x = 181}")
    units: Literal["metres", "feet"] | None = Field(
        default=None, description="default: what the file says, else metres"
    )
    coordinate_units: Literal["length"] | None = Field(
        default=None, description="take coordinates called angles as lengths"
    )
    vertical: Literal["elevation", "depth"] | None = Field(default=None, description="what the elevation fields hold")
    datum: Finite = Field(default=0.0, description="elevation of z = 0, m")
    shots_by: Literal["record", "position"] | None = Field(default=None, description="what tells shots apart")
    every: int = Field(default=1, ge=1, description="use every n-th shot")


class GridSection(Section):
    """The grid of the computation, as for `seisinv.Grid`; what is left out is chosen from the data and said."""

    spacing: Annotated[list[Positive], Field(min_length=1, max_length=3), Many] | None = Field(
        default=None, description="m, one value or one per axis; default: 5 points per shortest wavelength"
    )
    shape: Annotated[list[Annotated[int, Field(ge=2)]], Field(min_length=2, max_length=3)] | None = Field(
        default=None, description="nodes along z and x"
    )
    origin: Annotated[list[Finite], Field(min_length=2, max_length=3)] | None = Field(
        default=None, description="position (z, x) of the first node, m"
    )
    depth: Positive | None = Field(
        default=None, description="depth of the lowest node, m; default: half the longest offset"
    )


class StartSection(Section):
    """The model an inversion starts from, or that a survey is modelled in."""

    vp: str | Positive | None = Field(
        default=None, description="model file (SEG-Y, .npy, .npz, raw binary), or one value, m/s"
    )
    rho: str | Positive | None = Field(default=None, description="model file or one value, kg/m³; default: 310 vp^0.25")
    v0: Positive = Field(default=1500.0, description="without vp: velocity at the top of the rock, m/s")
    gradient: Finite = Field(default=0.6, description="without vp: velocity increase with depth, 1/s")
    shape: list[int] | None = Field(default=None, description="(z, x) of a raw binary file")
    spacing: Annotated[list[Positive], Many] | None = Field(default=None, description="of a file that does not say, m")
    origin: list[Finite] | None = Field(default=None, description="(z, x) of a file that does not say, m")
    dtype: Literal["float32", "float64", "<f4", ">f4", "<f8", ">f8"] = Field(default="<f4", description="of a raw file")


class PropagatorSection(Section):
    """The wave-equation solver, as for `seisinv.Propagator`."""

    physics: str = Field(default="acoustic", description="which wave equation: acoustic or acoustic_density")
    order: Literal[2, 4, 6, 8, 10, 12] = Field(default=8, description="order of the stencils in space")
    boundary_width: int = Field(default=20, ge=1, le=200, description="absorbing cells beyond each side")
    free_surface: bool = Field(default=False, description="pressure-free surface at the top of the grid")
    memory: Literal["automatic", "store", "checkpoints"] = Field(
        default="automatic", description="how gradients remember"
    )
    memory_budget: Positive | None = Field(
        default=None, description="bytes that gradients may use; default: the engine's own"
    )
    vp_max: Positive | None = Field(
        default=None, description="velocity that fixes the solver's step, m/s; default: the bound"
    )
    step: Positive | None = Field(default=None, description="solver's time step, s; default: chosen stable")
    backend: Literal["c", "reference"] = Field(default="c", description="compiled kernels, or slow torch for tests")


class PenaltySection(Section):
    """A penalty on rough models, as for `seisinv.priors.Tikhonov` and `TotalVariation`."""

    kind: Literal["none", "tikhonov", "total_variation"] = "none"
    weight: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=0.01, description="relative to the data misfit"
    )
    order: Literal[1, 2] = Field(default=1, description="of Tikhonov's derivatives")
    length: Positive = Field(default=100.0, description="distance over which a change is measured, m")


class InversionSection(Section):
    """The inversion, as for `seisinv.Inversion` and its optimisers."""

    misfit: Literal["l2", "huber", "correlation", "envelope"] = "l2"
    bands: Annotated[list[Positive], Field(min_length=1), Many] | None = Field(
        default=None, description="low-pass corners, Hz, low to high; default: from the spectrum of the data"
    )
    optimizer: Literal["lbfgs", "adam"] = "lbfgs"
    iterations: int = Field(default=8, ge=1, description="per band")
    bounds: dict[str, Annotated[list[Positive], Field(min_length=2, max_length=2)]] = Field(
        default={"vp": [1400.0, 5500.0]}, description="lowest and highest value of each unknown, SI units"
    )
    water: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        default=None, description="cells above this depth (m) keep the start model"
    )
    smooth: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        default=None, description="length over which gradients are smoothed, m; default: the engine's own"
    )
    wavelet: str = Field(
        default="estimate", description="estimate, ricker, or a text file of samples at the data's interval"
    )
    peak: Positive | None = Field(default=None, description="of a Ricker wavelet, Hz")
    penalty: PenaltySection = PenaltySection()


class LineSection(Section):
    """Positions along a line, as for `seisinv.line`."""

    start: Finite | None = Field(default=None, description="x of the first, m; default: the model's left side")
    stop: Finite | None = Field(default=None, description="x of the last, m; default: the model's right side")
    every: Positive = Field(default=25.0, description="distance between neighbours, m")
    depth: Annotated[float, Field(allow_inf_nan=False)] = Field(default=10.0, description="z, m")


class ForwardSection(Section):
    """A synthetic survey, for `seisinv forward`."""

    output: str | None = Field(default=None, description="SEG-Y file to write")
    sources: LineSection = LineSection(every=200.0)
    receivers: LineSection = LineSection()
    peak: Positive = Field(default=8.0, description="of the Ricker wavelet, Hz")
    duration: Positive = Field(default=3.0, description="of a record, s")
    dt: Positive = Field(default=4e-3, description="sample interval, s")
    noise: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(default=0.0, description="RMS noise / RMS signal")


class RunSection(Section):
    """Where the run is kept and on what it runs."""

    directory: str | None = Field(default=None, description="run directory; default: runs/NAME beside where you are")
    seed: int = Field(default=0, ge=0)
    threads: int | None = Field(default=None, ge=1, description="default: all cores")


class Settings(Section):
    """A whole job."""

    data: DataSection = DataSection()
    grid: GridSection = GridSection()
    start: StartSection = StartSection()
    propagator: PropagatorSection = PropagatorSection()
    inversion: InversionSection = InversionSection()
    forward: ForwardSection = ForwardSection()
    run: RunSection = RunSection()


# Tables that run.toml carries for the reader; a job that is read back does without them.
NOTES = ("versions", "job", "truth")


def load(path: str | Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read a job.

    Parameters
    ----------
    path : path, optional
        A TOML file; relative paths in it start from its folder.
    overrides : values by dotted key, optional
        `{"inversion.iterations": 5}`; None means not given.

    Raises
    ------
    ConfigError
        For anything unknown, of the wrong type or out of range.
    """
    tables: dict[str, Any] = {}
    if path is not None:
        tables = _anchored(_tables(Path(path)), Path(path).resolve().parent)
    for note in NOTES:
        tables.pop(note, None)
    for key, value in (overrides or {}).items():
        if value is not None:
            _put(tables, key.split("."), value)
    try:
        return Settings.model_validate(tables)
    except ValidationError as error:
        where = "" if path is None else f"{path}: "
        raise ConfigError(where + describe(error)) from None


def parse_setting(text: str) -> tuple[str, Any]:
    """Split `section.key=value`; the value is TOML, or text where it is not."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text!r} is not KEY=VALUE; for example --set inversion.iterations=5")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def dump(settings: Settings) -> dict[str, Any]:
    """Return every setting, defaults included, as tables for TOML; options that are not set are left out."""
    return settings.model_dump(exclude_none=True)


def replaced(settings: Settings, **values: Any) -> Settings:
    """Return a copy with some values changed: `replaced(settings, grid__spacing=[10.0])`."""
    tables = settings.model_dump()
    for key, value in values.items():
        _put(tables, key.split("__"), value)
    try:
        return Settings.model_validate(tables)
    except ValidationError as error:
        raise ConfigError(describe(error)) from None


def describe(error: ValidationError) -> str:
    """Say in one line what is wrong with the first bad key."""
    errors = error.errors(include_url=False)
    # An unknown key first: the mistakes that follow from it explain nothing.
    first = next((e for e in errors if e["type"] == "extra_forbidden"), errors[0])
    path = [str(part) for part in first["loc"] if part not in _BRANCHES]
    key = ".".join(path)
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 and len({e["loc"][:2] for e in errors}) > 1 else ""
    if first["type"] == "extra_forbidden":
        return f"{key} is unknown{_suggestion(path)}{more}"
    meaning = _description(path)
    return f"{key} is {first['input']!r}; {_rule(first)}" + (f" ({meaning})" if meaning else "") + more


# Names that pydantic adds to a location for the branches of a union.
_BRANCHES = ("str", "float", "constrained-float", "list[constrained-float]")

_RULES = {
    "int_type": "it must be a whole number",
    "int_from_float": "it must be a whole number",
    "float_type": "it must be a number",
    "string_type": "it must be text in quotes",
    "bool_type": "it must be true or false",
    "list_type": "it must be a list [ … ]",
    "dict_type": "it must be a table",
    "model_type": "it must be a table of settings",
    "model_attributes_type": "it must be a table of settings",
    "greater_than": "it must be more than {gt:g}",
    "greater_than_equal": "it must be {ge:g} or more",
    "less_than_equal": "it must be {le:g} or less",
    "finite_number": "it must be finite",
    "literal_error": "it must be {expected}",
    "too_short": "it must have at least {min_length} values",
    "too_long": "it must have at most {max_length} values",
}


def _rule(error: Mapping[str, Any]) -> str:
    rule = _RULES.get(error["type"])
    if rule is None:
        return str(error["msg"])[:1].lower() + str(error["msg"])[1:]
    return rule.format(**error.get("ctx", {}))


def _fields(path: list[str]) -> Mapping[str, Any]:
    """Fields of the table at `path`."""
    table: Any = Settings
    for name in path:
        found = table.model_fields.get(name)
        if found is None or not isinstance(found.annotation, type) or not issubclass(found.annotation, BaseModel):
            return {}
        table = found.annotation
    return dict(table.model_fields)


def _description(path: list[str]) -> str | None:
    for end in range(len(path), 0, -1):
        found = _fields(path[: end - 1]).get(path[end - 1])
        if found is not None:
            return found.description
    return None


def _all_keys(prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name in _fields(list(prefix)):
        yield (*prefix, name)
        yield from _all_keys((*prefix, name))


def _suggestion(path: list[str]) -> str:
    siblings = list(_fields(path[:-1]))
    near = difflib.get_close_matches(path[-1], siblings, 1, 0.6)
    if near:
        return f"; did you mean {'.'.join([*path[:-1], near[0]])}?"
    elsewhere = {key[-1]: ".".join(key) for key in reversed(list(_all_keys()))}
    near = difflib.get_close_matches(path[-1], elsewhere, 1, 0.8)
    if near:
        return f"; did you mean {elsewhere[near[0]]}?"
    return f"; known here: {', '.join(siblings)}" if siblings else ""


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; name a TOML file") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not a text file; a job is described in TOML") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}") from None


def _anchored(tables: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Make the paths of a TOML file absolute, from its own folder."""

    def absolute(value: Any) -> Any:
        if isinstance(value, list):
            return [absolute(v) for v in value]
        return str(folder / value) if isinstance(value, str) else value

    for section, keys in {
        "data": ["path"],
        "start": ["vp", "rho"],
        "forward": ["output"],
        "run": ["directory"],
    }.items():
        table = tables.get(section)
        if isinstance(table, dict):
            table.update({key: absolute(table[key]) for key in keys if key in table})
    return tables


def _put(tables: dict[str, Any], path: list[str], value: Any) -> None:
    for name in path[:-1]:
        inner = tables.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{'.'.join(path)} cannot be set: {name} is {inner!r}, not a table")
        tables = inner
    tables[path[-1]] = value
