"""Samples as files store them: formats, byte orders, and which of both the samples themselves tell.

A format code is a claim. Floats of IBM are normalised, so the first hexadecimal digit of their mantissa is never zero
(IBM System/360 Principles of Operation, 1964); of other words one in sixteen has a zero there. A word read in the wrong
byte order or as the wrong kind of number spreads over hundreds of orders of magnitude, or is huge or tiny throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

import numpy as np

IBM, INT32, IEEE = 1, 2, 5
#: Sample formats that are read: code, name in words, numpy's name of what is stored.
FORMATS = {
    1: ("4-byte IBM float", "u4"),
    2: ("4-byte signed integer", "i4"),
    3: ("2-byte signed integer", "i2"),
    5: ("4-byte IEEE float", "f4"),
    6: ("8-byte IEEE float", "f8"),
    8: ("1-byte signed integer", "i1"),
    9: ("8-byte signed integer", "i8"),
    10: ("4-byte unsigned integer", "u4"),
    11: ("2-byte unsigned integer", "u2"),
    12: ("8-byte unsigned integer", "u8"),
    16: ("1-byte unsigned integer", "u1"),
}
REFUSED = {4: "4-byte fixed point with gain", 7: "3-byte signed integer", 15: "3-byte unsigned integer"}
#: What `data.sample_format` may say.
NAMES = {"ibm": 1, "ieee": 5, "int32": 2, "int16": 3, "int8": 8, "float64": 6}
ORDERS = {"big": ">", "little": "<"}

_ENOUGH = 300  # distinct words: that none of so many IEEE floats has a zero digit there is chance of (15/16)^300 = 4e-9
_FEW = 50  # distinct words; so few tell nothing
_NORMAL = 1e-3  # share of the words of IBM that need not be normalised
_SPREAD = (0.5, 40.0)  # factors of two between the quartiles of a signal's samples
_TYPICAL = 100.0  # and to their median from 1
_SMALL = 2.0**27  # integers of instruments are smaller; floats taken for integers are not
_ROUGH = 1.2  # sum of steps over sum of samples; 1.33 where all values are equally likely, less for an oversampled wave


@dataclass(frozen=True)
class Stored:
    """How samples are stored.

    Parameters
    ----------
    code : int
        As in bytes 3225-3226 of SEG-Y.
    order : ">" or "<"
        Of the bytes of a sample.

    Examples
    --------
    >>> Stored(1, ">").title, Stored(3, "<").dtype.itemsize
    ('4-byte IBM float', 2)
    """

    code: int
    order: str

    @property
    def title(self) -> str:
        """In words."""
        return FORMATS[self.code][0]

    @property
    def dtype(self) -> np.dtype:
        """What numpy reads."""
        return np.dtype(self.order + FORMATS[self.code][1])

    @property
    def endian(self) -> str:
        """Byte order in words: "big" or "little"."""
        return next(name for name, mark in ORDERS.items() if mark == self.order)

    def decoded(self, raw: np.ndarray) -> np.ndarray:
        """Return samples as they lie in the file, of `dtype`, as float32; what it cannot hold becomes infinite."""
        if self.code == IBM:
            from segyio import tools

            import_module("segyio._segyio")  # which tools takes for granted
            return np.asarray(tools.native(raw.astype(">u4").view(np.float32), format=IBM, copy=False))
        with np.errstate(over="ignore", invalid="ignore"):
            return raw.astype(np.float32)


def told_by(raw: np.ndarray, said: Stored) -> Stored:
    """Return how samples are stored: as said, unless they can only be of another format or byte order.

    Parameters
    ----------
    raw : array [trace, time] of `said.dtype`
        Samples of some traces as they lie in the file.
    said : Stored
    """
    width = said.dtype.itemsize
    if width not in (2, 4) or _can_be(raw, said):
        return said
    orders = (said.order, *(order for order in ORDERS.values() if order != said.order))
    codes = (said.code, *(code for code in (IEEE, IBM, INT32) if code != said.code)) if width == 4 else (said.code,)
    others = [Stored(code, order) for code in codes for order in orders]
    return next((s for s in others if s != said and _can_be(raw.view(s.dtype), s)), said)


def _can_be(raw: np.ndarray, stored: Stored) -> bool:
    """Whether samples can be stored so."""
    words = np.unique(raw[raw != 0])
    if len(words) < _FEW:
        return True
    if stored.dtype.itemsize == 2:
        return _roughness(raw) < _ROUGH or _roughness(raw) < 1.25 * _roughness(raw.view(raw.dtype.newbyteorder()))
    bits = words.view(f"{stored.order}u4").astype(np.uint32)
    normalised = float(np.mean((bits & 0x00F00000) != 0))
    if stored.code == IBM and normalised < 1 - _NORMAL:
        return False
    if stored.code == IEEE and normalised == 1 and len(words) >= _ENOUGH:
        return False
    values = np.abs(stored.decoded(words).astype(float))
    if stored.code not in (IBM, IEEE):
        return float(np.median(values)) < _SMALL
    sizes = values[np.isfinite(values) & (values > 0)]
    if len(sizes) < 0.99 * len(values):
        return False
    low, middle, high = np.percentile(np.log2(sizes), [25, 50, 75])
    is_spread = high - low > _SPREAD[0] or len(words) < _ENOUGH
    return bool(is_spread and high - low < _SPREAD[1] and abs(middle) < _TYPICAL)


def _roughness(raw: np.ndarray) -> float:
    values = raw.astype(float)
    return float(np.abs(np.diff(values, axis=1)).sum() / max(np.abs(values).sum(), 1.0))
