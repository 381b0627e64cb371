"""Models in files: SEG-Y, npz, npy, text and raw binary."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from seisinv.core.arrays import check_memory, read_npy, read_npz, read_table, real
from seisinv.core.errors import Argument, Code, ConfigError, DataError, Message, ModelError, SeisinvError
from seisinv.core.grid import Grid
from seisinv.core.model import PARAMETERS, Model
from seisinv.io.files import magic, replacing, uncompressed
from seisinv.io.headers import scaled
from seisinv.io.reader import is_text
from seisinv.io.reading import Reading
from seisinv.io.recording import Recording
from seisinv.io.segy import is_segy, segy_recording
from seisinv.io.writer import decimals, write_traces

log = logging.getLogger("seisinv.io")

_SEGY = (".sgy", ".segy")
_LAYOUTS = "use 'xz' (traces, depth fastest) or 'zx' (rows of equal depth)"
_UNITS = {"m/s": 1.0, "kg/m3": 1.0, "km/s": 1e3, "g/cm3": 1e3, "ft/s": 0.3048}
_SPACING = re.compile(r"^C *\d+ +(SPACING|ORIGIN) Z X (\S+) (\S+) M")
_PARAMETER = re.compile(r"^C *\d+ +(\w+) MODEL IN ")
_TITLE = re.compile(r"^C *\d+ +(.+) IN \S+, ONE TRACE PER X")


def read_model(
    path: str | Path,
    *,
    parameter: str = "vp",
    spacing: float | Sequence[float] | None = None,
    origin: float | Sequence[float] | None = None,
    every: int = 1,
    units: str | None = None,
    shape: tuple[int, int] | None = None,
    dtype: str = "<f4",
    layout: str | None = None,
) -> Model:
    """Read a model from SEG-Y, npz, npy, text columns, or raw binary.

    Parameters
    ----------
    path : path
        `.npz` holds parameters by name, `spacing` and `origin`; SEG-Y one parameter, a trace per x; text (`.txt`,
        `.dat`, `.csv`) a table of numbers; anything else is raw. A `.gz` of these is decompressed.
    parameter : str
        What the values are, where the file cannot say: `vp`, `vs` or `rho`.
    spacing : float or (dz, dx), m
        Of the file's grid, before `every`. Needed unless the file says it.
    origin : float or (z, x), m
        Position of the first node; None or 0: what the file says, else 0.
    every : int
        Keep every n-th node along both axes.
    units : "m/s", "km/s", "ft/s", "kg/m3" or "g/cm3", optional
        Unit of the values; SI by default.
    shape : (nz, nx)
        Nodes of a raw file.
    dtype : str
        Type of the numbers of a raw file, as numpy writes it: `<f4` is little-endian float32.
    layout : "zx" or "xz"
        Order in npy, text and raw files: rows of equal depth, or traces of equal x. Raw files need it; else "zx".

    Returns
    -------
    Model
        In torch's default floating-point type.

    Raises
    ------
    ModelError, DataError
        If spacing or shape are missing, or the values are not plausible in SI units.

    Examples
    --------
    >>> import tempfile
    >>> from seisinv.core import Grid, Model
    >>> model = Model(Grid((3, 4), 10.0), vp=2000.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_model(f"{folder}/vp.sgy", model)
    ...     read_model(f"{folder}/vp.sgy")
    Model(Grid(shape=(3, 4), spacing=(10.0, 10.0), origin=(0.0, 0.0)), vp 2000 to 2000 m/s)
    """
    path = Path(path)
    if parameter not in PARAMETERS:
        raise ModelError(f"parameter {parameter!r} is unknown; the known ones are {', '.join(PARAMETERS)}")
    if every < 1:
        raise ConfigError(
            argument=Argument("start.every"), value=every, remedy="use 1 for all nodes, 10 for every tenth"
        )
    if units is not None and units not in _UNITS:
        raise ConfigError(argument=Argument("start.units"), value=units, remedy=f"use one of {', '.join(_UNITS)}")
    if layout not in (None, "zx", "xz"):
        raise ConfigError(argument=Argument("start.layout"), value=layout, remedy=_LAYOUTS)
    with uncompressed(path) as plain:
        if magic(plain) == "zip or npz":
            return _from_npz(plain, read_npz(plain), every)
        if is_segy(plain, Reading()) and shape is None:
            stored = _from_segy(path, plain, every)
        elif magic(plain) == "npy":
            stored = _Stored(_two_axes(plain, read_npy(plain), layout))
        elif shape is not None:
            stored = _Stored(_from_raw(plain, shape, dtype, layout))
        elif is_text(plain):
            stored = _Stored(_two_axes(plain, read_table(plain), layout))
        else:
            needed = (Argument(f"start.{name}", ...) for name in ("shape", "dtype", "layout"))
            remedy = Message("for raw binary pass ", next(needed), ", ", next(needed), " and ", next(needed))
            raise DataError("not a SEG-Y, npz, npy or text model", remedy=remedy, file=path)
    if stored.parameter not in (None, parameter):
        remedy = Message(Code(f"pass parameter={stored.parameter!r}"))
        raise ModelError(f"the file holds {stored.parameter}, not {parameter}", remedy=remedy, file=path)
    spacing = stored.spacing if spacing is None else spacing
    origin = stored.origin if origin is None or not np.any(origin) else origin
    if spacing is None:
        raise ModelError(
            f"the file does not say its spacing in metres{stored.hint}",
            remedy=Message("pass ", Argument("start.spacing", ...)),
            file=path,
        )
    with np.errstate(invalid="ignore"):  # NaN is found by Model
        values = stored.values[::every, :: 1 if stored.is_thinned else every].astype(float) * _UNITS[units or "m/s"]
    try:
        grid = Grid(values.shape, real(spacing, "spacing", error=ModelError) * every, origin)
        return Model(grid, **{parameter: values})
    except ModelError as error:
        convert = Message("pass ", Argument("start.units", "km/s"), " or another unit to convert")
        raise error.replace(file=path, remedy=(*error.remedy, *(() if units else (convert,)))) from error


@dataclass(frozen=True, eq=False)
class _Stored:
    """Values [z, x] of a file and what it says about their grid."""

    values: np.ndarray
    spacing: tuple[float, float] | None = None
    origin: tuple[float, float] = (0.0, 0.0)
    parameter: str | None = None
    is_thinned: bool = False
    hint: str = ""


def _from_npz(path: Path, arrays: Mapping[str, np.ndarray], every: int) -> Model:
    missing = [name for name in ("spacing", "origin") if name not in arrays]
    known = {name: values for name, values in arrays.items() if name in PARAMETERS}
    if missing or not known:
        raise ModelError(
            f"the file holds {', '.join(arrays) or 'nothing'}",
            limit=f"a model needs spacing and origin in metres and one or more of {', '.join(PARAMETERS)}",
            file=path,
        )
    thinned = {name: values[(slice(None, None, every),) * values.ndim] for name, values in known.items()}
    spacing, origin = (real(arrays[name], name, error=ModelError, file=path) for name in ("spacing", "origin"))
    try:
        grid = Grid(next(iter(thinned.values())).shape, spacing * every, origin)
        return Model(grid, **thinned)
    except SeisinvError as error:
        raise error.replace(file=path) from error


def _from_segy(path: Path, plain: Path, every: int) -> _Stored:
    recording = segy_recording(plain, Reading())
    values = recording.reader.load(np.arange(0, recording.traces, every)).T
    said = _said(recording.text) if recording.is_ours else {}
    if said.keys() == {"SPACING", "ORIGIN"}:
        name = next((m[1].lower() for line in recording.text if (m := _PARAMETER.match(line))), None)
        title = next((m[1].lower() for line in recording.text if (m := _TITLE.match(line))), None)
        if name is None and title is not None:
            raise ModelError(f"the file holds the {title}, not a model", remedy="name model.sgy or mean.sgy", file=path)
        return _Stored(values, said["SPACING"], said["ORIGIN"], name, is_thinned=True)
    x = _trace_positions(recording)
    dz = recording.step * 1e3
    if x is None or dz <= 0:
        return _Stored(
            values, is_thinned=True, hint=", and x of its traces (bytes 73-76, 81-84, 181-184) is not evenly spaced"
        )
    dx = float(x[1] - x[0])
    log.warning("%s: spacing is taken from the headers: dz = %g m (sample interval), dx = %g m", path, dz, dx)
    return _Stored(values, (dz, dx), (0.0, float(x[0])), is_thinned=True)


def _said(text: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return spacing and origin from the textual header that `write_model` wrote."""
    found = [match.groups() for line in text if (match := _SPACING.match(line))]
    try:
        return {name: (float(z), float(x)) for name, z, x in found}
    except ValueError:
        return {}


def _trace_positions(recording: Recording) -> np.ndarray | None:
    """Return x of each trace from the first field in which it is evenly spaced."""
    cdp_x = segy_recording(recording.path, Reading(headers={"source_x": 181})).fields["source_x"]
    for raw in (cdp_x, recording.fields["source_x"], recording.fields["receiver_x"]):
        x = scaled(raw, recording.fields["coordinate_scalar"])
        steps = np.diff(x)
        if len(steps) and steps[0] > 0 and np.ptp(steps) < 1e-3 * steps[0]:
            return x
    return None


def _two_axes(path: Path, values: np.ndarray, layout: str | None) -> np.ndarray:
    if values.ndim != 2 or values.dtype.kind not in "fiu" or not values.size:
        text = f"the file holds an array {values.shape} of {values.dtype}"
        raise ModelError(text, limit="a model is 2-D [z, x] of numbers", file=path)
    return values.T if layout == "xz" else values


def _from_raw(path: Path, shape: tuple[int, int], dtype: str, layout: str | None) -> np.ndarray:
    if layout is None:
        raise ConfigError(Message("a raw model needs ", Argument("start.layout")), remedy=_LAYOUTS)
    try:
        kind = np.dtype(dtype)
    except (TypeError, ValueError, SyntaxError):
        kind = np.dtype(object)
    if kind.kind not in "iuf":
        limit = "it must be numpy's name for real numbers: '<f4' is little-endian float32"
        raise ConfigError(argument=Argument("start.dtype"), value=dtype, limit=limit)
    if len(shape) != 2 or not all(isinstance(n, int) and n > 0 for n in shape):
        raise ConfigError(argument=Argument("start.shape"), value=shape, limit="it must be two numbers of nodes")
    nz, nx = shape
    size, expected = path.stat().st_size, nz * nx * kind.itemsize
    if size != expected:
        text = f"the file has {size:,} bytes, shape ({nz}, {nx}) of {dtype} needs {expected:,}"
        raise ModelError(text, argument=Argument("start.shape"), value=shape, file=path)
    check_memory(2 * size, path)
    values = np.fromfile(path, kind)
    return values.reshape(nx, nz).T if layout == "xz" else values.reshape(nz, nx)


def write_model(path: str | Path, model: Model, *, parameter: str = "vp", overwrite: bool = False) -> None:
    """Write a model: `.npz` all parameters, `.npy` one, `.sgy` or `.segy` one with a trace per x.

    In SEG-Y a sample is a node in depth: the sample interval is the depth spacing times 1000 (segyio's and most
    viewers' sample axis then reads metres), the delay is the first depth, and the exact grid is in the textual header.

    Parameters
    ----------
    path : path
    model : Model
    parameter : str
        Which one, in formats that hold one.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    RunError
        If the file exists and `overwrite` is false, or it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from seisinv.core import Grid, Model
    >>> model = Model(Grid((3, 4), 10.0), vp=2000.0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_model(f"{folder}/vp.sgy", model)
    ...     read_model(f"{folder}/vp.sgy")
    Model(Grid(shape=(3, 4), spacing=(10.0, 10.0), origin=(0.0, 0.0)), vp 2000 to 2000 m/s)
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        arrays: dict[str, Any] = {name: _array(model, name) for name in model}
        arrays |= {"spacing": model.grid.spacing, "origin": model.grid.origin}
        with replacing(path, overwrite=overwrite) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)
    elif suffix == ".npy":
        with replacing(path, overwrite=overwrite) as temporary, temporary.open("wb") as file:
            np.save(file, _array(model, parameter))
    elif suffix in _SEGY:
        unit = PARAMETERS[parameter].unit
        title = f"{parameter} model"
        write_section(path, _array(model, parameter), model.grid, title=title, unit=unit, overwrite=overwrite)
    else:
        raise ConfigError(f"{path.name}: models are written as .npz, .npy, .sgy or .segy; choose one of these endings")


def _array(model: Model, parameter: str) -> np.ndarray:
    return model[parameter].detach().cpu().numpy()


def write_section(
    path: str | Path, values: np.ndarray, grid: Grid, *, title: str, unit: str, overwrite: bool = False
) -> None:
    """Write values on a grid as SEG-Y, as `write_model` does: a model, or something else in its place.

    Parameters
    ----------
    path : path
    values : array [z, x]
    grid : Grid
    title, unit : str
        Of the textual header: "standard deviation of vp", "m/s".
    overwrite : bool

    Raises
    ------
    RunError
        If the file exists and `overwrite` is false, or it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_section(f"{folder}/std.sgy", np.ones((3, 4)), Grid((3, 4), 10.0), title="deviation of vp", unit="m/s")
    """
    if grid.ndim != 2:
        raise ModelError(f"the model has {grid.ndim} axes; only 2-D models are written as SEG-Y: use .npz")
    x, scalar = decimals(grid.coordinates("x"), "x")
    count = np.arange(1, grid.shape[1] + 1)
    interval = round(grid.spacing[0] * 1e3)
    first = round(grid.origin[0])
    text = (
        f"{title.upper()} IN {unit.upper().replace('³', '3')}, ONE TRACE PER X, SAMPLES ALONG DEPTH",
        f"SPACING Z X {grid.spacing[0]!r} {grid.spacing[1]!r} M",
        f"ORIGIN Z X {grid.origin[0]!r} {grid.origin[1]!r} M",
        "SAMPLE INTERVAL IS THE DEPTH SPACING IN MILLIMETRES, 0 WHERE THAT DOES NOT FIT",
    )
    n = len(count)
    headers = {
        9: np.ones(n, int),
        13: count,
        21: count,
        29: np.ones(n, int),
        71: np.full(n, scalar),
        73: x,
        81: x,
        89: np.ones(n, int),
        109: np.full(n, first if abs(first) <= 32767 else 0),
        181: x,
        189: np.ones(n, int),
        193: count,
    }
    write_traces(
        Path(path),
        headers,
        [values.T.astype(np.float32)],
        samples=grid.shape[0],
        interval=interval if interval <= 32767 else 0,
        text=text,
        sample_format="ieee",
        overwrite=overwrite,
    )
