"""What the traces of files measure, by their codes, by what seisinv wrote, or by the reader's word; never a mixture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from seisinv.core.errors import Argument, ConfigError, DataError, Message
from seisinv.io.headers import where
from seisinv.io.reading import Choice, Reading
from seisinv.io.recording import Recording
from seisinv.io.sensors import AUXILIARY, COMPONENTS, DEAD, SEISMIC, SENSORS, UNITS, component_of, sensors_said

_UNSAID = -1


@dataclass(frozen=True, eq=False)
class Heard:
    """What the traces of a recording measure.

    Parameters
    ----------
    recording : Recording
    used : mask [trace]
    component : int array [trace]
        Number in `names`, -1 where the file does not say.
    names : tuple of str
    assumed : frozenset of str
        Names of motion whose unit the file does not say.
    notes : tuple of str
    others : tuple of str
        Components that are left out.
    in_turn : bool
        Whether the traces of each position measure `names` in this order, and `component` does not say so yet.
    """

    recording: Recording
    used: np.ndarray
    component: np.ndarray
    names: tuple[str, ...] = ()
    assumed: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    in_turn: bool = False

    @cached_property
    def found(self) -> dict[str, int]:
        """The number of traces that are used of each component; "" for those that do not say."""
        numbers, counts = np.unique(self.component[self.used], return_counts=True)
        return {self.names[k] if k >= 0 else "": int(n) for k, n in zip(numbers, counts, strict=True)}

    @property
    def present(self) -> tuple[str, ...]:
        """The components that are used."""
        return tuple(name for name in self.names if name in self.found)

    def noting(self, *notes: str) -> Heard:
        """Return it with more notes."""
        return replace(self, notes=(*self.notes, *notes))

    def unsaid(self, *notes: str) -> Heard:
        """Return it without names, with more notes."""
        return replace(self.noting(*notes), component=_all(_UNSAID, self.recording), names=(), assumed=frozenset())

    def called(self, name: str, *notes: str) -> Heard:
        """Return it with one name for all traces, with more notes."""
        return replace(self.noting(*notes), component=_all(0, self.recording), names=(name,), assumed=frozenset())


def what_is_heard(recordings: Sequence[Recording], reading: Reading) -> list[Heard]:
    """Return what the traces of files measure, of the components that are chosen; files that have none use no trace.

    Raises
    ------
    DataError, ConfigError
        If no trace measures what is chosen, or one file says what it measures and another does not.
    """
    choice = reading.choice
    found = [_named(recording, choice) for recording in recordings]
    if choice.codes and not any(h.used.any() for h in found):
        raise _lacking_code(recordings, choice)
    if choice.names:
        return _chosen(found, choice)
    return _agreed(found)


def _all(value: int, recording: Recording) -> np.ndarray:
    return np.broadcast_to(np.int16(value), recording.traces)


def _named(recording: Recording, choice: Choice) -> Heard:
    """Name the traces of one file by its headers; leave out auxiliary traces and those of codes that are not chosen."""
    kind, notes, place = recording.fields["trace_kind"], list[str](), where("trace_kind", recording.places)
    used = ~np.isin(kind, AUXILIARY)
    if not used.any():
        raise DataError(f"all {len(kind)} traces are auxiliary ({place})", file=recording.path)
    if not used.all():
        notes.append(f"{(~used).sum()} auxiliary traces (identification code 4 to 8) are left out")
    named = Heard(recording, used, _all(_UNSAID, recording), notes=tuple(notes))
    said = sensors_said(recording.text) if recording.is_ours else {}
    codes = np.unique(kind)
    if said or any(code in SENSORS for code in codes):
        named = _by_headers(named, said, codes, choice)
        named = named if said else _with_dead(named, choice)
    if choice.codes:
        wanted = np.isin(kind, choice.codes)
        theirs = np.unique(named.component[named.used & wanted])
        with_dead = wanted | (np.isin(kind, DEAD) & np.isin(named.component, theirs[theirs >= 0]))
        named = replace(named, used=named.used & with_dead)
    return named if said or choice.names else _one_or_all(named, choice)


def _by_headers(named: Heard, said: Mapping[int, str], codes: np.ndarray, choice: Choice) -> Heard:
    """Name traces by the sensors that seisinv wrote, else by code and unit."""
    recording, used = named.recording, named.used
    kind, unit = (recording.fields[field] for field in ("trace_kind", "trace_unit"))
    place = where("trace_kind", recording.places)
    component, names, assumed = np.full(recording.traces, _UNSAID, np.int16), list[str](), set[str]()

    def name_them(mask: np.ndarray, name: str) -> None:
        if mask.any():
            if name not in names:
                names.append(name)
            component[mask] = names.index(name)

    for number, name in said.items():
        code = COMPONENTS.get(name, (SEISMIC,))[0]
        name_them(used & (recording.fields["sensor"] == number) & np.isin(kind, (*DEAD, code)), name)
    rest, first = used & (component < 0), dict[str, int]()
    for code in sorted((c for c in SENSORS if c in codes), key=lambda c: c not in choice.codes):
        for u in np.unique(unit[rest & (kind == code)]):
            name, mask = component_of(code, int(u)), rest & (kind == code) & (unit == u)
            if first.setdefault(name, code) == code or choice.place:
                name_them(mask, name)
                assumed |= {name} if u != COMPONENTS[name][1] else set()
                continue
            used = used & ~mask
            if not choice.codes:
                named = named.noting(
                    Message(
                        f"{mask.sum():,} {SENSORS[code]} traces ({place} = {code}) are left out beside the "
                        f"{SENSORS[first[name]]} ones (", Argument("data.component", code), " for them)",
                    )
                )  # fmt: skip
    return replace(named, used=used, component=component, names=tuple(names), assumed=frozenset(assumed))


def _with_dead(named: Heard, choice: Choice) -> Heard:
    """Find the component of dead traces: that of the live ones of their sensor or channel, or the only one."""
    recording, component, used = named.recording, named.component.copy(), named.used
    dead = used & np.isin(recording.fields["trace_kind"], DEAD) & (component < 0)
    if not dead.any():
        return named
    if len(named.names) == 1:
        component[dead] = 0
        return replace(named, component=component)
    for field in ("sensor", "trace_number"):
        component[dead] = _alike(recording.fields[field], component, used & (component >= 0), dead)
        dead &= component < 0
    if dead.any() and not choice.place:
        used = used & ~dead
        named = named.noting(f"{dead.sum():,} dead traces of which nothing tells the component are left out")
    return replace(named, component=component, used=used)


def _one_or_all(named: Heard, choice: Choice) -> Heard:
    """Return it as it is where all traces say what they measure, or none; else as one component, and say so."""
    recording, component, used, names = named.recording, named.component, named.used, named.present
    silent = used & (component < 0)
    if not silent.any() or not names:
        return named
    if choice.place:
        return named.unsaid()
    kind = recording.fields["trace_kind"][silent]
    place, codes = where("trace_kind", recording.places), ", ".join(f"{c:g}" for c in np.unique(kind)[:3])
    if len(names) == 1:
        return named.unsaid(
            f"{silent.sum():,} traces do not say what they measure ({place} = {codes}), {(used & ~silent).sum():,} say "
            f"{names[0]}: all are taken as one component"
        )
    several = ", ".join(f"{named.found[name]:,} {name}" for name in names)
    first = named.names.index(names[0])
    return replace(named, used=silent | (used & (component == first)), others=names).unsaid(
        Message(
            f"several components ({place}): {several}, and {silent.sum():,} that do not say ({codes}); those and "
            f"{names[0]} are used (", Argument("data.component", names[1]), " for another)",
        )
    )  # fmt: skip


def _alike(key: np.ndarray, component: np.ndarray, known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the component of wanted traces: that which all known ones of the same key have, -1 where they differ."""
    pairs = np.unique(np.column_stack([key[known], component[known]]).astype(np.int64), axis=0)
    keys, first, count = np.unique(pairs[:, 0], return_index=True, return_counts=True)
    if not len(keys):
        return np.full(np.count_nonzero(wanted), _UNSAID)
    at = np.searchsorted(keys, key[wanted]).clip(max=len(keys) - 1)
    return np.where((keys[at] == key[wanted]) & (count[at] == 1), pairs[first[at], 1], _UNSAID)


def _lacking_code(recordings: Sequence[Recording], choice: Choice) -> DataError:
    kinds = np.concatenate([r.fields["trace_kind"][~np.isin(r.fields["trace_kind"], AUXILIARY)] for r in recordings])
    there = zip(*np.unique(kinds, return_counts=True), strict=True)
    return DataError(
        f"no trace has identification code {' or '.join(map(str, choice.codes))} "
        f"({where('trace_kind', recordings[0].places)})",
        limit=f"there are {', '.join(f'{n:,} of code {int(c)}' for c, n in there)}",
        remedy=Message("choose one of these with ", Argument("data.component", ...)),
        file=recordings[0].path,
    )


def _agreed(found: Sequence[Heard]) -> list[Heard]:
    """Return files that all say what they measure, or of which none says it."""
    names = list(dict.fromkeys(name for h in found for name in h.present))
    silent = [h for h in found if not h.present and h.used.any()]
    if not silent or not names:
        return [_assuming(h) for h in found]
    file = silent[0].recording.path
    if len(names) == 1:
        note = f"{file} does not say what it measures, another file says {names[0]}: all are taken as one component"
        return [h.unsaid(note) for h in found]
    raise DataError(
        f"the traces do not say what they measure ({where('trace_kind', silent[0].recording.places)}), other files "
        f"have {', '.join(names)}",
        remedy=(
            Message("choose one, which those of this file are taken as: ", Argument("data.component", names[0])),
            "open the files separately",
        ),
        file=file,
    )


def _assuming(named: Heard) -> Heard:
    """Return it with a note of what it says by convention."""
    recording, names = named.recording, named.present
    if recording.is_ours:
        return named
    if assumed := [name for name in names if name in named.assumed and name != "p"]:
        codes = np.unique(recording.fields["trace_unit"][named.used])
        units = " or ".join(u for u in (UNITS.get(int(c), "") for c in codes) if u not in ("", "Pa"))
        named = named.noting(
            Message(
                f"the unit of {', '.join(assumed)} is {units or 'not said'} ({where('trace_unit', recording.places)}): "
                "taken as particle velocity (",
                Argument("data.component", ",".join("a" + n[1:] if n in assumed else n for n in names)),
                " for acceleration)",
            )
        )
    said = {1: "an increase in pressure is a negative", 2: "upward motion is a positive"}.get(recording.polarity, "")
    turned = [n for n in names if (n == "p" if recording.polarity == 1 else n in COMPONENTS and n[1:] == "z")]
    if said and turned:
        named = named.noting(
            Message(
                f"the file says that {said} number (bytes 3257-3258 = {recording.polarity}), the opposite of "
                f"{' and '.join(turned)} in seisinv; samples are taken as they are (",
                Argument("data.polarity", dict.fromkeys(turned, "reversed")),
                " turns them)",
            )
        )
    return named


def _chosen(found: Sequence[Heard], choice: Choice) -> list[Heard]:
    """Return the traces of the names that are chosen; where no file says what it measures, the names say it."""
    if not any(h.names for h in found):
        return _declared(found, choice)
    out, there = [], set[str]()
    for h in found:
        if not h.names and len(choice.names) > 1:
            raise _lacking(found, f"{h.recording.path.name} does not say what it measures")
        if not h.names:
            out.append(h.called(choice.names[0], _taken(h, choice.names[0])))
            there |= {choice.names[0]}
            continue
        names = tuple(_wanted(name, h, choice.names) for name in h.names)
        kept = [k for k, name in enumerate(names) if name in choice.names]
        h = replace(h, used=h.used & np.isin(h.component, kept), names=names, assumed=h.assumed & set(names))
        there |= set(h.present)
        out.append(_assuming(h))
    if missing := [name for name in choice.names if name not in there]:
        raise _lacking(found, f"no trace measures {' or '.join(missing)}")
    return out


def _wanted(name: str, named: Heard, wanted: Iterable[str]) -> str:
    """Return a name, or that which is wanted of motion along the same axis whose unit is not said."""
    if name in wanted or name not in named.assumed or name == "p":
        return name
    return next((w for w in wanted if w in COMPONENTS and w[1:] == name[1:] and w not in named.names), name)


def _declared(found: Sequence[Heard], choice: Choice) -> list[Heard]:
    names = choice.names
    if strange := [name for name in names if name not in COMPONENTS]:
        raise ConfigError(
            argument=Argument("data.component"),
            value=strange[0],
            limit=f"the traces do not say what they measure ({where('trace_kind', found[0].recording.places)})",
            remedy=Message("say it by names such as ", ", ".join([*COMPONENTS][:7]), ", in the order of the traces"),
        )
    if len(names) == 1:
        return [h.called(names[0], _taken(h, names[0])) for h in found]
    if len(found) == len(names):
        return [h.called(name, _taken(h, name)) for h, name in zip(found, names, strict=True)]
    note = f"traces do not say what they measure: those of each position are taken as {', '.join(names)} in turn"
    return [replace(h, names=names, in_turn=True).noting(note) for h in found]


def _taken(h: Heard, name: str) -> str:
    codes = np.unique(h.recording.fields["trace_kind"][h.used])
    place, code = where("trace_kind", h.recording.places), ", ".join(f"{c:g}" for c in codes[:3])
    return f"{h.recording.path.name} does not say what it measures ({place} = {code}): taken as {name}, as requested"


def _lacking(found: Sequence[Heard], what: str) -> DataError:
    counts: dict[str, int] = {}
    for h in found:
        for name, n in h.found.items():
            counts[name] = counts.get(name, 0) + n
    there = ", ".join(f"{n:,} of {name or 'traces that do not say'}" for name, n in counts.items())
    return DataError(
        what,
        limit=f"there are {there}",
        remedy=Message("choose one of these with ", Argument("data.component", ...)),
        file=found[0].recording.path,
    )


def joined(parts: Sequence[tuple[np.ndarray, Sequence[str]]]) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Return components [trace] of files as numbers in one list of names, and that list."""
    names = tuple(dict.fromkeys(name for _, of in parts for name in of))
    out = []
    for component, of in parts:
        table = np.array([*(names.index(name) for name in of), _UNSAID], np.int16)  # the last is at -1
        same = list(table[:-1]) == list(range(len(of)))
        out.append(component if same else table[component])
    return out, names
