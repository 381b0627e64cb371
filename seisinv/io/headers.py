"""Trace header fields that seisinv reads: their names, where SEG-Y keeps them, and what they mean.

Bytes are counted from 1, as the standard does (SEG-Y revision 1, 2002, table 2). SU has the same trace headers.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from seisinv.core.errors import Argument, ConfigError, Message


@dataclass(frozen=True)
class HeaderField:
    """One trace header field: its name here, its first byte by the standard, and what it holds.

    Parameters
    ----------
    name : str
    byte : int
        First byte in the trace header, counted from 1.
    description : str

    Examples
    --------
    >>> HEADERS["source_x"].byte
    73
    """

    name: str
    byte: int
    description: str


HEADERS: Mapping[str, HeaderField] = MappingProxyType(
    {
        field.name: field
        for field in (
            HeaderField("field_record", 9, "original field record number, one per shot"),
            HeaderField("trace_number", 13, "trace (channel) number within the field record"),
            HeaderField("source_number", 17, "energy source point number"),
            HeaderField("cdp", 21, "common depth point number"),
            HeaderField(
                "trace_kind", 29, "trace identification: 1 seismic, 2 dead, 3 dummy, 4 to 8 auxiliary, 11 to 17 sensor"
            ),
            HeaderField("offset", 37, "distance from source to receiver, only compared with the coordinates"),
            HeaderField("receiver_elevation", 41, "elevation of the receiver group, up"),
            HeaderField("source_elevation", 45, "elevation of the surface at the source, up"),
            HeaderField("source_depth", 49, "depth of the source below that surface, down"),
            HeaderField("source_water_depth", 61, "water depth at the source"),
            HeaderField("receiver_water_depth", 65, "water depth at the receiver"),
            HeaderField("elevation_scalar", 69, "factor of elevations and depths: n multiplies, -n divides, 0 is 1"),
            HeaderField("coordinate_scalar", 71, "factor of coordinates: n multiplies, -n divides, 0 is 1"),
            HeaderField("source_x", 73, "source coordinate x"),
            HeaderField("source_y", 77, "source coordinate y"),
            HeaderField("receiver_x", 81, "receiver coordinate x"),
            HeaderField("receiver_y", 85, "receiver coordinate y"),
            HeaderField("coordinate_units", 89, "1 length, 2 seconds of arc, 3 degrees, 4 degrees minutes seconds"),
            HeaderField("delay", 109, "time of the first sample after the source, ms"),
            HeaderField("sample_count", 115, "samples in the trace, only compared with the file's"),
            HeaderField("sample_interval", 117, "sample interval, µs; used where the binary header has 0"),
            HeaderField("trace_unit", 203, "unit of the samples: 1 Pa, 5 m, 6 m/s, 7 m/s²"),
            HeaderField("sensor", 213, "number of the device, by which a dead trace is known"),
            HeaderField("time_scalar", 215, "factor of times such as the delay: n multiplies, -n divides, 0 is 1"),
            HeaderField("source_type", 217, "1 to 3 vibrator: vertical, cross-line, in-line; 4 to 6 impulse; -n other"),
            HeaderField("source_unit", 231, "unit of the source's measurement: 5 newton"),
        )
    }
)

#: Fields that are what they are only by revision 1 and later.
LATER = ("trace_unit", "sensor", "source_type", "source_unit")
ARGUMENT = Argument("data.headers")
_FOUR_BYTES = (
    *range(1, 29, 4),
    *range(37, 69, 4),
    *range(73, 89, 4),
    *range(181, 201, 4),
    *(205, 219, 225, 233, 237),
)
_TWO_BYTES = (*range(29, 37, 2), 69, 71, *range(89, 181, 2), 201, 203, *range(209, 219, 2), 223, 229, 231)
WIDTHS: Mapping[int, int] = MappingProxyType({**dict.fromkeys(_FOUR_BYTES, 4), **dict.fromkeys(_TWO_BYTES, 2)})


KINDS = {"int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4", "float32": "f4", "float64": "f8"}
_UNSIGNED = {"sample_count", "sample_interval"}  # the standard's 16 bits; nothing has a negative count


@dataclass(frozen=True)
class Place:
    """Where a header field lies in the 240 bytes of a trace header.

    Parameters
    ----------
    byte : int
        First byte, counted from 1.
    kind : str, optional
        numpy's name of the number; default: an integer of the standard's width.

    Examples
    --------
    >>> Place(73).span, Place(181, "f4").kind
    ('73-76', 'f4')
    """

    byte: int
    kind: str = ""

    def __post_init__(self) -> None:
        if not self.kind:
            object.__setattr__(self, "kind", f"i{WIDTHS[self.byte]}")

    @property
    def span(self) -> str:
        """First and last byte: 73-76."""
        return f"{self.byte}-{self.byte + np.dtype(self.kind).itemsize - 1}"


def resolve(headers: Mapping[str, int | str] | None) -> dict[str, Place]:
    """Return where every field lies: where the standard says, unless `headers` maps it elsewhere.

    Parameters
    ----------
    headers : mapping of field name to 181 or "181:float32", optional

    Raises
    ------
    ConfigError
        If a field, byte or kind of number is unknown.
    """
    places = {n: Place(f.byte, "u2" if n in _UNSIGNED else "") for n, f in HEADERS.items()}
    for name, text in (headers or {}).items():
        known(name, "names")
        byte, _, kind = str(text).partition(":")
        if kind not in ("", *KINDS):
            what = Message(ARGUMENT, f" maps {name} to a {kind}")
            raise ConfigError(what, remedy=f"numbers are {', '.join(KINDS)}, as in {byte}:float32")
        number = -1 if isinstance(text, bool) or not byte.isdigit() else int(byte)
        if number not in WIDTHS or (kind and number + np.dtype(KINDS[kind]).itemsize > 241):
            start = max((b for b in WIDTHS if b <= number), default=1)
            raise ConfigError(
                Message(ARGUMENT, f" maps {name} to byte {byte}"),
                limit=f"trace header fields begin at bytes such as {start}, 73 or 181 (counted from 1, see the SEG-Y "
                "standard)",
            )
        unsigned = "u2" if name in _UNSIGNED and WIDTHS[number] == 2 else ""
        places[name] = Place(number, KINDS[kind] if kind else unsigned)
    return places


def without_later(fields: Mapping[str, np.ndarray], places: Mapping[str, Place]) -> dict[str, np.ndarray]:
    """Return fields of which those that are only there by revision 1 are zero, unless they are mapped elsewhere."""
    zero = {n: np.zeros_like(fields[n][:1]) for n in LATER if places[n].byte == HEADERS[n].byte}
    return {**fields, **{n: np.broadcast_to(v, len(fields[n])) for n, v in zero.items()}}


def known(name: str, verb: str, argument: Argument = ARGUMENT) -> None:
    """Refuse the name of a field that is none.

    Raises
    ------
    ConfigError
    """
    if name not in HEADERS:
        near = difflib.get_close_matches(name, HEADERS, 1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(HEADERS)}"
        raise ConfigError(Message(argument, f" {verb} {name!r}, which is not a header field"), remedy=hint)


def where(name: str, places: Mapping[str, Place]) -> str:
    """Return a field with the bytes that hold it: `source_x (bytes 73-76)`."""
    return f"{name} (bytes {places[name].span})" if name in places else name


def scaled(values: np.ndarray, scalar: np.ndarray) -> np.ndarray:
    """Apply a SEG-Y scalar: n multiplies, −n divides, 0 stands for 1."""
    if values.ndim == scalar.ndim == 1 and len(values) and values.strides == scalar.strides == (0,):
        return np.broadcast_to(scaled(values[:1].copy(), scalar[:1].copy()), values.shape)  # the same in all traces
    if scalar.ndim and len(scalar) and scalar.strides == (0,):
        one = float(scalar[0])
        return np.asarray(values / -one if one < 0 else values * (one or 1.0))
    scalar = np.asarray(scalar, float)
    return np.where(scalar < 0, values / np.where(scalar < 0, -scalar, 1), values * np.where(scalar > 0, scalar, 1))
