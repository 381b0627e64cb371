"""Options that several commands share, and what they mean in a job's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from seisinv.core import ConfigError

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing file.")]
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
Members = Annotated[int | None, typer.Option(help="Invert so many times with other noise, to say how certain it is.")]
MisfitName = Annotated[str | None, typer.Option(help="l2, huber, correlation, envelope or traveltime.")]
VpMin = Annotated[float | None, typer.Option(help="Lowest velocity allowed, m/s.")]
VpMax = Annotated[float | None, typer.Option(help="Highest velocity allowed, m/s.")]
Water = Annotated[float | None, typer.Option(help="Keep the start model above this depth, m.")]
Spacing = Annotated[float | None, typer.Option(help="Grid spacing, m.")]
Depth = Annotated[float | None, typer.Option(help="Depth of the model, m.")]
FreeSurface = Annotated[bool | None, typer.Option(help="Pressure-free surface at the top.")]
Peak = Annotated[float | None, typer.Option(help="Use a Ricker wavelet of this peak (Hz), estimate nothing.")]
Every = Annotated[int | None, typer.Option(help="Use every n-th shot.")]


def settings_of(job: str | None, flags: dict[str, Any], extra: list[str] | None) -> Any:
    """Return the settings of a job or a data file, overridden by `flags` by dotted key and by KEY=VALUE texts."""
    from seisinv.jobs import config

    if job is not None and not job.endswith(".toml"):
        flags = {"data.path": [str(Path(job).resolve())], **flags}
    if job is None and "inversion.bands" in flags:
        raise ConfigError("nothing to invert; name a SEG-Y file or a job: seisinv invert line.sgy")
    # Absolute, so that a run.toml means the same from every folder.
    given = config.anchored(dict(config.parse_setting(text) for text in extra or ()), Path.cwd())
    return config.load(job if job is not None and job.endswith(".toml") else None, {**flags, **given})


def with_bounds(settings: Any, vp_min: float | None, vp_max: float | None) -> Any:
    """Return the settings with other bounds of vp, where they are given."""
    from seisinv.jobs import config

    if vp_min is None and vp_max is None:
        return settings
    low, high = settings.inversion.bounds.get("vp", [1400.0, 5500.0])
    low = low if vp_min is None else _metres_per_second("--vp-min", vp_min)
    high = high if vp_max is None else _metres_per_second("--vp-max", vp_max)
    if low >= high:
        raise ConfigError(f"--vp-min is {low:g} m/s and --vp-max {high:g} m/s; the lowest must be below the highest")
    bounds = {**settings.inversion.bounds, "vp": [low, high]}
    return config.settings_from(config.dump(settings), {"inversion": {"bounds": bounds}})


def start_flags(
    start: str | None, model_spacing: float | None, v0: float | None, gradient: float | None
) -> dict[str, Any]:
    """Return the settings of the start model by dotted key."""
    value = _number_or_path(start)
    return {
        "start.vp": _metres_per_second("--start", value) if isinstance(value, float) else value,
        "start.spacing": model_spacing,
        "start.v0": None if v0 is None else _metres_per_second("--v0", v0),
        "start.gradient": gradient,
    }


def shot_flags(peak: float | None, every: int | None) -> dict[str, Any]:
    """Return the settings of wavelet and shots by dotted key."""
    return {"wavelet.peak": peak, "wavelet.kind": None if peak is None else "ricker", "data.every": every}


def _metres_per_second(flag: str, value: float) -> float:
    """Refuse what can only be km/s."""
    if 0 < value < 20:
        raise ConfigError(
            f"{flag} is {value:g} m/s; velocities are in m/s: did you mean km/s? Use {flag} {1000 * value:g}"
        )
    return value


def data_flags(
    header: list[str] | None,
    units: str | None,
    coordinate_units: str | None,
    vertical: str | None,
    shots_by: str | None,
) -> dict[str, Any]:
    """Return the settings of the data file by dotted key."""
    return {
        "data.headers": header_bytes(header),
        "data.units": units,
        "data.coordinate_units": coordinate_units,
        "data.vertical": vertical,
        "data.shots_by": shots_by,
    }


def header_bytes(pairs: list[str] | None) -> dict[str, int] | None:
    """Return header fields and their bytes from FIELD=BYTE texts."""
    if not pairs:
        return None
    out = {}
    for pair in pairs:
        name, _, byte = pair.partition("=")
        if not byte.strip().isdigit():
            raise ConfigError(f"--header {pair!r} is not FIELD=BYTE; for example --header source_x=181")
        out[name.strip()] = int(byte)
    return out


def numbers(flag: str, text: str | None) -> list[float] | None:
    """Return the numbers of a text such as 3,5,8."""
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


def absolute(path: Path | None) -> str | None:
    """Return a path that means the same from every folder."""
    return None if path is None else str(path.resolve())
