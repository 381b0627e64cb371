"""How a file is to be understood, where its headers are wrong or silent: the options of `open_line` and `describe`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seisinv.core.errors import Argument, ConfigError, Message
from seisinv.io.headers import Place, known, resolve
from seisinv.io.samples import NAMES, ORDERS

_WORDS = {
    "units": ("metres", "feet"),
    "coordinate_units": ("length", "angle"),
    "vertical": ("elevation", "depth"),
    "shots_by": ("record", "position"),
    "projection": ("line", "offsets"),
    "sample_format": tuple(NAMES),
    "byte_order": tuple(ORDERS),
}
POLARITIES = ("normal", "reversed")
_NAME = re.compile(r"[A-Za-z_]\w*")


@dataclass(frozen=True)
class Choice:
    """Which traces are used: of trace identification codes, or of names, or at one of a number of places; else all."""

    codes: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    place: tuple[int, int] | None = None


_EXAMPLE = {"vz": "reversed"}


def polarity_of(text: str) -> dict[str, str]:
    """Return polarities by component from "vz=reversed,vx=normal"; that of all by "" from "reversed"."""
    pairs = (part.rpartition("=") for part in text.split(","))
    return {name.strip(): word.strip() for name, _, word in pairs}


@dataclass(frozen=True)
class Reading:
    """How headers and samples are to be understood; what is left out is what the file says.

    Parameters
    ----------
    headers : mapping of field name to byte, optional
        Where the file keeps fields of `HEADERS` in other bytes than the standard, counted from 1: `{"source_x": 181}`;
        with the kind of number where it is no integer of the standard's width: `{"source_x": "73:float32"}`.
    values : mapping of field name to number, optional
        What fields hold in every trace, whatever the file says, in the file's unit: `{"sample_interval": 500}` (µs),
        `{"delay": -20}` (ms), `{"coordinate_scalar": -100}`, `{"sample_count": 70000}`.
    units : "metres" or "feet", optional
        Default: what the file says, else metres. Feet are converted.
    coordinate_units : "length" or "angle", optional
        "length": coordinates are lengths though the file calls them angles. "angle": they are longitudes and latitudes
        in the unit that the file names, degrees where it names none, and are projected to metres around their mean.
    vertical : "elevation" or "depth", optional
        What the elevation fields hold; by default guessed from the signs and said.
    datum : float, m, optional
        Elevation of z = 0; default: 0, or the highest position where some lie above it.
    shots_by : "record" or "position", optional
        What distinguishes shots; default: both.
    sample_format : str, optional
        "ibm", "ieee", "int32", "int16", "int8" or "float64", whatever the file says.
    byte_order : "big" or "little", optional
        Of the samples; default: that of the headers, unless the samples can only be of the other.
    projection : "line" or "offsets", optional
        Onto a section: "line" projects positions onto the straight line that fits them best; "offsets" puts sources
        along the road that the stations follow and receivers at their true distance from each. Default: the line, or
        the offsets where the line would shorten them by more than a hundredth.
    polarity : "normal", "reversed" or mapping, optional
        "reversed": samples change their sign; of one component where it is `{"vz": "reversed"}`, or "vz=reversed".
    component : int, str or sequence of them, optional
        Which traces are used where a file holds several components: a name, "vz", or several, "vz,vx"; a trace
        identification code, 12; or the place of the component among the traces of a position, "1/3".  Where traces do
        not say what they measure, names say it: of all, of each of several files, or of the traces of each position.
    delays : sequence of float, s, optional
        Added to the times of the records, one for all files or one for each.
    geometry : sequence of str, optional
        Tables of positions, time shifts, killed and reversed traces: FILE, or sources=FILE, receivers=FILE,
        relations=FILE, traces=FILE where its columns have no names. See docs/field.md.
    layout : mapping, optional
        A regular spread: `{"spacing": 2.5, "first": 5.0}` puts channel 1 5 m from its source and the others 2.5 m
        apart, "move" moves the source from shot to shot; with "spacing" alone, receivers lie at channel × spacing.

    Raises
    ------
    ConfigError
        If an option is unknown.

    Examples
    --------
    >>> Reading(units="feet", headers={"source_x": 181}).places["source_x"].span
    '181-184'
    """

    headers: Mapping[str, int | str] | None = None
    values: Mapping[str, float] | None = None
    units: str | None = None
    coordinate_units: str | None = None
    vertical: str | None = None
    datum: float | None = None
    shots_by: str | None = None
    projection: str | None = None
    sample_format: str | None = None
    byte_order: str | None = None
    polarity: str | Mapping[str, str] | None = None
    component: int | str | Sequence[int | str] | None = None
    delays: Sequence[float] | None = None
    geometry: Sequence[str] | None = None
    layout: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        resolve(self.headers)
        for name, words in _WORDS.items():
            value = getattr(self, name)
            if value is not None and value not in words:
                remedy = f"use {' or '.join(map(repr, words))}, or leave it out"
                raise ConfigError(argument=Argument(f"data.{name}"), value=value, remedy=remedy)
        if self.datum is not None and not np.isfinite(self.datum):
            raise ConfigError(
                argument=Argument("data.datum"), value=self.datum, unit="m", remedy="give a finite elevation"
            )
        for name, value in (self.values or {}).items():
            known(name, "gives a value for", Argument("data.values"))
            if not np.isfinite(value):
                raise ConfigError(Message(Argument("data.values"), f" of {name} is {value}"), remedy="give a number")
        _ = self.choice, self.polarities

    @property
    def places(self) -> dict[str, Place]:
        """Where header fields lie."""
        return resolve(self.headers)

    @property
    def choice(self) -> Choice:
        """The components that are used."""
        if self.component is None:
            return Choice()
        given = self.component.split(",") if isinstance(self.component, str) else self.component
        words = [str(word).strip() for word in (given if isinstance(given, Sequence) else [given])]
        first, slash, count = words[0].partition("/") if len(words) == 1 else ("", "", "")
        if slash and first.isdecimal() and count.isdecimal() and 1 <= int(first) <= int(count):
            return Choice(place=(int(first), int(count)))
        codes = tuple(int(word) for word in words if word.isdecimal())
        names = tuple(dict.fromkeys(word for word in words if _NAME.fullmatch(word)))
        if words and len(words) in (len(codes), sum(_NAME.fullmatch(word) is not None for word in words)):
            return Choice(codes, names)
        raise ConfigError(
            argument=Argument("data.component"), value=self.component,
            remedy="give a name such as vz, a trace identification code such as 12, or a place such as 1/3: the first "
            "of every 3 traces",
        )  # fmt: skip

    @property
    def polarities(self) -> dict[str, bool]:
        """Which components are reversed, by name; that of all is named ""."""
        if self.polarity is None:
            return {}
        given = polarity_of(self.polarity) if isinstance(self.polarity, str) else self.polarity
        if not isinstance(given, Mapping) or not all(word in POLARITIES for word in given.values()):
            raise ConfigError(
                argument=Argument("data.polarity"),
                value=self.polarity,
                limit="it must be normal or reversed",
                remedy=Message("give one of them, for all or for components: ", Argument("data.polarity", _EXAMPLE)),
            )
        return {name: word == "reversed" for name, word in given.items()}

    def field(self, name: str) -> float | None:
        """Return what the field of a name is given to be; None where the file says it."""
        return (self.values or {}).get(name)

    def delay(self, file: int, files: int) -> float:
        """Return what is added to the times of the records of one of several files, s.

        Raises
        ------
        ConfigError
            If there are neither one nor as many delays as files.
        """
        delays = list(self.delays or [0.0])
        if len(delays) not in (1, files):
            raise ConfigError(
                argument=Argument("data.delays"), value=delays, unit="s",
                limit=f"it must be one number, or one for each of {files} files",
            )  # fmt: skip
        return float(delays[file if len(delays) > 1 else 0])
