"""Writing SEG-Y through segyio: shot gathers with their geometry, revision 1, big endian.

What traces measure and what sources are goes to the trace identification (bytes 29-30), the unit (203-204) and the
source type (217-218), and in full into the textual header, by the numbers of sensors (213-214) and source types: so a
dead trace, whose identification says only that, keeps its component.
SEG Technical Standards Committee 2002, SEG-Y revision 1.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from seisinv.core.errors import DataError, SeisinvError
from seisinv.core.gathers import Gathers, Observed
from seisinv.core.survey import Survey
from seisinv.io.files import refuse_existing, replacing
from seisinv.io.polarity import polarity_word
from seisinv.io.sensors import COMPONENTS, DEAD, SEISMIC, refuse_long, sensor_lines, source_types

_INT32 = 2**31 - 1
_FORMAT_CODES = {"ieee": 5, "ibm": 1}
_FIRST_LINES = "SEISMIC DATA WRITTEN BY SEISINV"


def write_segy(
    path: str | Path,
    gathers: Observed,
    *,
    sample_format: str = "ieee",
    text: Sequence[str] = (),
    overwrite: bool = False,
) -> None:
    """Write shot gathers with full geometry headers.

    x goes to source and receiver x (bytes 73, 81) with y = 0; a receiver's depth z to its elevation as −z (41); a
    source's to its depth below the surface (49). Scalars are chosen so that positions are exact, to 0.1 mm at best.
    Components and kinds of source, where the survey has them, are written as docs/data.md says.

    Parameters
    ----------
    path : path
    gathers : Gathers, or a Line
        A line is copied shot by shot, not loaded at once.
    sample_format : "ieee" or "ibm"
        IEEE floats keep every bit.
    text : sequence of str
        Lines of up to 76 characters for the textual header.
    overwrite : bool
        Replace an existing file.

    Raises
    ------
    RunError
        If the file exists, or cannot be written; nothing is left behind.
    DataError
        If SEG-Y cannot hold the data.

    Examples
    --------
    >>> import tempfile
    >>> import torch
    >>> import seisinv as si
    >>> survey = si.Survey.surface(sources=si.line(0, 100, every=50), receivers=si.line(0, 100, every=10),
    ...                            wavelet=None, duration=0.1, dt=4e-3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_segy(f"{folder}/line.sgy", si.Gathers(torch.ones(3, 11, 26), survey))
    ...     si.io.describe(f"{folder}/line.sgy").shots
    3
    """
    path = Path(path)
    refuse_existing(path, overwrite=overwrite)
    survey = gathers.survey
    headers = _geometry_headers(survey)
    headers |= _time_headers(survey)
    count = [len(shot.receivers) for shot in survey.shots]
    names = tuple(dict.fromkeys(c for shot in survey.shots for c in shot.components or ()))
    sorts, said = source_types(survey.shots)
    refuse_long(said := [*sensor_lines(names), *said])
    kinds, sensors = _sensor_headers(survey, names)
    headers |= sensors | _source_headers(sorts, count)
    firsts = np.cumsum([0, *count])

    def blocks() -> Iterable[np.ndarray]:
        for k in range(len(survey)):
            shot = gathers[[k]]
            here = slice(firsts[k], firsts[k + 1])
            kinds[here] = np.where(shot.live[0].cpu().numpy(), kinds[here], DEAD[0])
            yield _samples(shot, k)

    write_traces(
        path,
        {29: kinds, **headers},
        blocks(),
        samples=survey.time.samples,
        interval=_microseconds(survey),
        text=(*_gather_text(survey, names), *said, *text),
        sample_format=sample_format,
        overwrite=overwrite,
        polarity=polarity_word(names),
    )


def _samples(shot: Gathers, k: int) -> np.ndarray:
    data = shot.data[0].detach().cpu().numpy()
    if not np.isfinite(data).all():
        raise DataError(f"shot {k} holds NaN or infinite samples; nothing was written")
    return data.astype(np.float32)


def write_traces(
    path: Path,
    headers: Mapping[int, np.ndarray],
    blocks: Iterable[np.ndarray],
    *,
    samples: int,
    interval: int,
    text: Sequence[str],
    sample_format: str,
    overwrite: bool,
    polarity: int = 0,
) -> None:
    """Write traces [trace, sample] that come in blocks; `headers` are arrays [trace] by first byte."""
    import segyio

    if sample_format not in _FORMAT_CODES:
        raise DataError(f"sample_format is {sample_format!r}; use 'ieee' or 'ibm'")
    if samples > 65535:
        raise DataError(f"the traces have {samples} samples; SEG-Y revision 1 holds 65 535: shorten or resample them")
    spec = segyio.spec()
    spec.format, spec.samples = _FORMAT_CODES[sample_format], np.arange(samples, dtype=float)
    spec.tracecount = len(next(iter(headers.values())))
    with replacing(path, overwrite=overwrite) as temporary:
        with warnings.catch_warnings(), _disk_errors(), segyio.create(str(temporary), spec) as file:
            warnings.simplefilter("ignore")
            file.text[0] = _text_header(text)
            file.bin.update(_binary_header(spec, interval, polarity))
            _fill(file, headers, blocks, samples, interval)
        size = 3600 + spec.tracecount * (240 + 4 * samples)
        if temporary.stat().st_size != size:
            raise OSError(f"{temporary.stat().st_size:,} of {size:,} bytes were written; is the disk full?")


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    """Turn segyio's errors while writing, of whatever type, into OSError."""
    try:
        yield
    except (OSError, SeisinvError):
        raise
    except Exception as error:
        raise OSError(f"segyio: {error}") from error


def _fill(
    file: object, headers: Mapping[int, np.ndarray], blocks: Iterable[np.ndarray], samples: int, interval: int
) -> None:
    trace = 0
    columns = {byte: values.tolist() for byte, values in headers.items() if byte != 29}
    for block in blocks:
        for row in block:
            fields = {byte: values[trace] for byte, values in columns.items()}
            fields |= {1: trace + 1, 5: trace + 1, 29: int(headers[29][trace]), 115: samples, 117: interval}
            file.header[trace] = fields  # type: ignore[attr-defined]
            file.trace[trace] = row  # type: ignore[attr-defined]
            trace += 1


def _binary_header(spec: object, interval: int, polarity: int) -> dict[int, int]:
    return {
        3201: 1,
        3205: 1,
        3209: 1,
        3213: 1,
        3217: interval,
        3219: interval,
        3221: len(spec.samples),  # type: ignore[attr-defined]
        3223: len(spec.samples),  # type: ignore[attr-defined]
        3225: spec.format,  # type: ignore[attr-defined]
        3227: 1,
        3229: 1,  # as recorded
        3255: 1,  # metres
        3257: polarity,
        3501: 1,  # revision 1
        3503: 1,  # all traces are of one length
    }


def _text_header(lines: Sequence[str]) -> str:
    import segyio

    body = [_FIRST_LINES, *lines][:38]
    numbered = {k: line.encode("ascii", "replace").decode()[:76] for k, line in enumerate(body, 1)}
    return segyio.tools.create_text_header({**numbered, 39: "SEG Y REV1", 40: "END TEXTUAL HEADER"})


def _gather_text(survey: Survey, names: Sequence[str]) -> tuple[str, ...]:
    time = survey.time
    live = "AS SENSORS SAY" if names else "1 LIVE"
    signs = (
        "MOTION IS POSITIVE DOWN (Z) AND TO LARGER X; AN INCREASE OF PRESSURE (P) IS",
        f"POSITIVE. UNITS: BYTES 203-204. IMPULSE POLARITY (BYTES 3257-3258): {polarity_word(names)}",
    )
    return (
        f"{len(survey)} SHOTS, UP TO {survey.max_receivers} RECEIVERS EACH",
        f"{time.samples} SAMPLES OF {time.step * 1e3:g} MS FROM {time.start * 1e3:g} MS",
        "LENGTHS IN METRES; X ALONG A STRAIGHT LINE, Y = 0",
        "DEPTHS BELOW THE DATUM: RECEIVER Z = -ELEVATION (BYTES 41-44),",
        "SOURCE Z = DEPTH (BYTES 49-52) - SURFACE ELEVATION (BYTES 45-48)",
        "SCALARS: BYTES 69-70 OF LEVELS, 71-72 OF COORDINATES, 215-216 OF THE DELAY",
        f"TRACE IDENTIFICATION (BYTES 29-30): {live}, 2 DEAD",
        *(signs if names else ()),
    )


def decimals(values: np.ndarray, what: str) -> tuple[np.ndarray, int]:
    """Return `values` as integers with their SEG-Y scalar: the smallest that is exact, at best 1/10 000."""
    largest = float(np.abs(values).max(initial=0.0))
    fitting = [d for d in (1, 10, 100, 1000, 10_000) if largest * d < _INT32]
    if not fitting:
        raise DataError(f"{what} reaches {largest:g}; SEG-Y holds up to {_INT32:,}: check units and origin")
    exact = (d for d in fitting if np.array_equal(np.round(values * d) / d, values))
    scale = next(exact, fitting[-1])
    return np.round(values * scale).astype(int), 1 if scale == 1 else -scale


def _geometry_headers(survey: Survey) -> dict[int, np.ndarray]:
    if survey.ndim != 2:
        raise DataError(f"the survey has {survey.ndim} axes; only 2-D surveys (z, x) are written as SEG-Y")
    many = [shot for shot in survey.shots if len(shot.sources) > 1]
    if many:
        raise DataError(
            f"shot {many[0].number} has {len(many[0].sources)} sources, a SEG-Y trace one: write a shot per source"
        )
    receivers = np.concatenate([shot.receivers for shot in survey.shots])
    count = [len(shot.receivers) for shot in survey.shots]
    sources = np.repeat(np.concatenate([shot.sources for shot in survey.shots]), count, axis=0)
    numbers = np.array([shot.number for shot in survey.shots])
    if len(np.unique(numbers)) < len(numbers) or numbers.min() <= 0 or numbers.max() > _INT32:
        numbers = np.arange(1, len(survey) + 1)
    levels, level_scalar = decimals(np.concatenate([receivers[:, 0], sources[:, 0]]), "depth")
    plan, plan_scalar = decimals(np.concatenate([receivers[:, 1], sources[:, 1]]), "x")
    n = len(receivers)
    (receiver_z, source_z), (receiver_x, source_x) = np.split(levels, [n]), np.split(plan, [n])
    midpoint = (receivers[:, 1] + sources[:, 1]) / 2
    spacing = np.diff(np.unique(receivers[:, 1]))
    bin_size = float(np.median(spacing)) / 2 if len(spacing) else 1.0
    offset = np.clip(np.round(receivers[:, 1] - sources[:, 1]), -_INT32, _INT32).astype(int)
    return {
        9: np.repeat(numbers, count),
        13: np.concatenate([np.arange(1, c + 1) for c in count]),
        17: np.repeat(np.arange(1, len(survey) + 1), count),
        21: np.clip(np.round((midpoint - midpoint.min()) / bin_size) + 1, 1, _INT32).astype(int),
        37: offset,
        41: -receiver_z,
        45: np.maximum(-source_z, 0),
        49: np.maximum(source_z, 0),
        69: np.full(n, level_scalar),
        71: np.full(n, plan_scalar),
        73: source_x,
        81: receiver_x,
        89: np.ones(n, int),
        181: (receiver_x + source_x) // 2,
    }


def _sensor_headers(survey: Survey, names: Sequence[str]) -> tuple[np.ndarray, dict[int, np.ndarray]]:
    """Return the identification of live traces, and bytes for their units and sensors, where any have names."""
    if not names:
        return np.full(sum(len(shot.receivers) for shot in survey.shots), SEISMIC), {}
    stored = [(SEISMIC, 0), *(COMPONENTS.get(name, (SEISMIC, -1)) for name in names)]
    number = {name: n for n, name in enumerate(names, 1)}
    heard = [
        [0] * len(s.receivers) if s.components is None else [number[c] for c in s.components] for s in survey.shots
    ]
    sensors = np.concatenate(heard).astype(int)
    codes, units = np.array(stored)[sensors].T
    return codes.copy(), {203: units, 213: sensors}


def _source_headers(sorts: Sequence[tuple[int, int]], count: Sequence[int]) -> dict[int, np.ndarray]:
    """Return source types and the unit of the sources' measurement, where any source has a kind."""
    if not any(kind for kind, _ in sorts):
        return {}
    kinds, units = np.repeat(np.array(sorts), count, axis=0).T
    return {217: kinds, 231: units}


def _time_headers(survey: Survey) -> dict[int, np.ndarray]:
    n = sum(len(shot.receivers) for shot in survey.shots)
    start = survey.time.start * 1e3
    for scale in (1, 10, 100, 1000):
        value = round(start * scale)
        if abs(value) > 32767:
            break
        if abs(value / scale - start) < 1e-6:
            return {109: np.full(n, value), 215: np.full(n, 1 if scale == 1 else -scale)}
    raise DataError(
        f"the record starts at {start:g} ms; SEG-Y holds whole microseconds up to ±32 ms, whole milliseconds up to "
        "±32 s: shift the time axis"
    )


def _microseconds(survey: Survey) -> int:
    interval = survey.time.step * 1e6
    drift = abs(round(interval) - interval) * survey.time.samples
    if not 1 <= round(interval) <= 65535 or drift > 0.01 * interval:
        raise DataError(
            f"the sample interval is {interval:g} µs; SEG-Y holds whole numbers from 1 to 65 535: resample the gathers"
        )
    return round(interval)
