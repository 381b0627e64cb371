"""SEG-Y files: where their traces lie and how they are stored, from headers that may be wrong.

Revision 0 to 2.1 with fixed trace length. What the file headers say is a claim: a count or an offset is taken only if
the traces are where it puts them.
Barry, Cavers & Kneale 1975; SEG Technical Standards Committee 2002, 2023.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seisinv.core.errors import Argument, DataError, Message
from seisinv.io.files import first_bytes
from seisinv.io.headers import without_later
from seisinv.io.reading import Reading
from seisinv.io.recording import Recording, given, is_ours, step_of
from seisinv.io.samples import FORMATS, NAMES, ORDERS, REFUSED, Stored, told_by
from seisinv.io.traces import HEADER, TraceTable

_FILE_HEADER = 3600
_OVERFLOW = 1 << 16  # a count of 16 bits is known modulo this
_MOST = 1 << 22  # samples that may have been lost so
_EXAMINED = 40  # traces from whose samples the format is told


@dataclass(frozen=True)
class BinaryHeader:
    """What seisinv needs of the 400-byte binary file header."""

    order: str
    code: int
    samples: int
    interval: int  # µs
    measurement: int
    polarity: int  # 1: pressure and upward motion are negative; 2: they are positive
    revision: tuple[int, int]
    extended: int  # textual headers after it, as the file says, whether or not that can be


def is_segy(path: Path, reading: Reading) -> bool:
    """Whether the file has SEG-Y file headers and traces after them."""
    try:
        _table(path, binary_header(path, reading), reading, [])
    except DataError:
        return False
    return True


def binary_header(path: Path, reading: Reading) -> BinaryHeader:
    """Read the binary header; its byte order is the one in which the sample format code is known."""
    head = first_bytes(path, _FILE_HEADER)
    if len(head) < _FILE_HEADER:
        text = f"not a SEG-Y file: it has {len(head)} bytes and the file headers alone need 3600"
        raise DataError(text, file=path)
    codes = {order: struct.unpack_from(f"{order}h", head, 3224)[0] for order in ORDERS.values()}
    order = next((o for o, code in codes.items() if code in FORMATS or code in REFUSED), "")
    code = codes.get(order, codes[">"])
    if reading.sample_format is not None:
        code = NAMES[reading.sample_format]
        # Of a code that says nothing, the byte order is that in which the interval is a small number.
        order = order or min(ORDERS.values(), key=lambda o: int(struct.unpack_from(f"{o}H", head, 3216)[0]))
    if not order:
        raise DataError(
            f"not a SEG-Y file that seisinv reads: the sample format code (bytes 3225-3226) is {code}",
            limit=f"known are {', '.join(map(str, FORMATS))}",
            remedy=Message("say it, e.g. ", Argument("data.sample_format", "ieee")),
            file=path,
        )
    if code in REFUSED:
        text = f"samples are {REFUSED[code]} (format {code}), which is not read"
        raise DataError(text, remedy="convert the file to format 5", file=path)
    interval, samples = struct.unpack_from(f"{order}H2xH", head, 3216)
    measurement, polarity = struct.unpack_from(f"{order}hh", head, 3254)
    major, minor = head[3500], head[3501]
    # The words of revision 1 and 2 may hold anything in files of another.
    revision = (major, minor) if major in (1, 2) and minor < 10 else (0, 0)
    (extended,) = struct.unpack_from(f"{order}h", head, 3504)
    if revision[0] == 2:
        samples = _second_revision(path, head, order, samples, extended)
    return BinaryHeader(order, code, samples, interval, measurement, polarity, revision, extended)


def _second_revision(path: Path, head: bytes, order: str, samples: int, extended: int) -> int:
    more_headers, first_trace = struct.unpack_from(f"{order}i10xQ", head, 3506)
    if more_headers != 0:
        text = f"{more_headers} additional trace headers per trace (revision 2) are not read"
        raise DataError(text, file=path)
    if first_trace not in (0, _FILE_HEADER + 3200 * extended):
        text = f"the first trace is said to begin at byte {first_trace} (revision 2), which is not read"
        raise DataError(text, file=path)
    (extended_samples,) = struct.unpack_from(f"{order}I", head, 3268)
    return extended_samples or samples


@dataclass(frozen=True)
class _Layout:
    """A guess at where the first trace begins and how many samples each has; how it differs from what is said."""

    first: int
    samples: int
    note: str = ""


def _table(path: Path, header: BinaryHeader, reading: Reading, notes: list[str]) -> TraceTable:
    """Return the first layout that the size of the file and its trace headers agree with."""
    size, stored = path.stat().st_size, Stored(header.code, header.order)
    if header.revision[0] and header.extended < 0:
        text = "a variable number of extended textual headers is not read"
        raise DataError(text, remedy="remove them", file=path)
    if size <= _FILE_HEADER:
        text = "the file has no traces: it ends after its file headers"
        raise DataError(text, remedy="write or copy it again", file=path)
    guesses = list(_layouts(path, header, reading, size))
    for whole in (True, False):
        for guess in guesses:
            length = HEADER + guess.samples * stored.dtype.itemsize
            count, rest = divmod(size - guess.first, length)
            if count < (1 if whole else 2) or (rest > 0) == whole:
                continue
            table = TraceTable(path, guess.first, count, guess.samples, header.order, stored)
            if not table.agrees(strictly=not whole or bool(guess.note)):
                continue
            if guess.note:
                notes.append(guess.note)
            if rest:
                notes.append(f"the file ends within a trace: its last {rest:,} of {length:,} bytes are left out")
            return table
    raise _no_layout(path, header, guesses, size, stored)


def _layouts(path: Path, header: BinaryHeader, reading: Reading, size: int) -> Iterator[_Layout]:
    """Yield layouts, those that the headers say first."""
    said, width = header.extended if header.revision[0] else 0, np.dtype(FORMATS[header.code][1]).itemsize
    others = [0] if said else [header.extended] if 0 < header.extended < 100 else []
    for extended in (said, *others):
        first = _FILE_HEADER + 3200 * extended
        if first + HEADER > size or extended < 0 or not _is_text(first_bytes(path, first)[_FILE_HEADER:]):
            continue
        skipped = [f"{extended} extended textual headers are there, whatever bytes 3501-3506 say"] * (extended != said)
        (own,) = struct.unpack_from(f"{header.order}H", first_bytes(path, first + HEADER)[first:], 114)
        counts: dict[int, str] = {}
        if (told := reading.field("sample_count")) is not None:
            counts[max(1, int(told))] = ""
        elif header.samples:
            counts[header.samples] = ""
        if told is None and own:
            counts.setdefault(
                own, f"traces have {own} samples, as they say (bytes 115-116), not {header.samples} (3221-3222)"
            )
        for base in dict.fromkeys((header.samples, own)) if told is None else ():
            most = min((size - first - HEADER) // width, base + _MOST)
            for count in range(base + _OVERFLOW, most + 1, _OVERFLOW):
                counts.setdefault(
                    count, f"traces have {count:,} samples, of which the headers' 16 bits hold the last {base}"
                )
        for count, text in counts.items():
            yield _Layout(first, count, "; ".join([*skipped, *([text] if text else [])]))


def _is_text(raw: bytes) -> bool:
    """Whether bytes can be textual headers: printable in ASCII or EBCDIC, or zero."""
    values = np.frombuffer(raw, np.uint8)
    ascii_, ebcdic = (values >= 0x20) & (values < 0x7F), (values == 0x40) | ((values >= 0x4B) & (values <= 0xF9))
    blank = values == 0
    return len(values) == 0 or max(float((part | blank).mean()) for part in (ascii_, ebcdic)) > 0.95


def _no_layout(path: Path, header: BinaryHeader, guesses: list[_Layout], size: int, stored: Stored) -> DataError:
    if not header.samples:
        text = "the number of samples per trace (bytes 3221-3222 of the binary header) is 0"
        return DataError(text, remedy=_say_count(), file=path)
    first = guesses[0].first if guesses else _FILE_HEADER
    count, rest = divmod(size - first, HEADER + header.samples * stored.dtype.itemsize)
    return DataError(
        f"the file is truncated or its sample count is wrong: {size - first:,} bytes of traces are {count:,} traces of "
        f"{header.samples} samples (bytes 3221-3222) and {rest:,} bytes more",
        remedy=("copy it again", _say_count()),
        file=path,
    )


def _say_count() -> Message:
    return Message("say it, e.g. ", Argument("data.values", {"sample_count": 1000}))


def segy_recording(path: Path, reading: Reading) -> Recording:
    """Read the headers of a SEG-Y file."""
    header, notes = binary_header(path, reading), list[str]()
    table = _table(path, header, reading, notes)
    is_said = bool(notes)  # that counts differ
    table = _examined(table, reading, notes)
    stored = table.fields(reading.places)
    if header.revision[0] == 0:
        stored = without_later(stored, reading.places)
    fields = given(stored, reading, table.traces)
    step = step_of(header.interval, fields, reading, notes)
    counts = np.unique(fields["sample_count"])
    wrong = counts[(counts != table.samples % _OVERFLOW) & (counts != 0)]
    if len(wrong) and not is_said and reading.field("sample_count") is None:
        some = np.isin(fields["sample_count"], wrong).sum()
        notes.append(
            f"{some:,} of {table.traces:,} trace headers say {wrong[0]:.0f} samples (bytes 115-116), the file holds "
            f"{table.samples} per trace, which is used"
        )
    major, minor = header.revision
    return Recording(
        path=path,
        format=f"SEG-Y revision {major}" + (f".{minor}" if major == 2 else ""),
        sample_format=table.stored.title,
        endian=table.stored.endian,
        traces=table.traces,
        samples=table.samples,
        step=step,
        units={1: "metres", 2: "feet"}.get(header.measurement),
        fields=fields,
        places=reading.places,
        text=_text(path),
        notes=tuple(notes),
        reader=table,
        polarity=header.polarity,
    )


def _examined(table: TraceTable, reading: Reading, notes: list[str]) -> TraceTable:
    """Return the table with the sample format and byte order that are given, or that the samples tell."""
    said = table.stored
    if reading.byte_order is not None:
        said = Stored(said.code, ORDERS[reading.byte_order])
    elif reading.sample_format is None and not is_ours(_text(table.path)):
        rows = np.unique(np.linspace(0, table.traces - 1, min(_EXAMINED, table.traces)).astype(int))
        found = told_by(table.raw(rows), said)
        if found != said:
            notes.append(
                Message(
                    f"samples are {found.title}, {found.endian}-endian: as the file says, {said.title}, "
                    f"{said.endian}-endian, they would be no signal (",
                    Argument("data.sample_format", next(n for n, code in NAMES.items() if code == said.code)),
                    " reads them so)",
                )
            )
            said = found
    return replace(table, stored=said)


def _text(path: Path) -> tuple[str, ...]:
    raw = first_bytes(path, 3200)
    # 'C' and space in EBCDIC are 0xC3 and 0x40; in ASCII text those are rare.
    ebcdic = raw.count(b"\x40") + raw.count(b"\xc3") > raw.count(b"\x20") + raw.count(b"\x43")
    text = raw.decode("cp037" if ebcdic else "latin-1")
    clean = "".join(c if c.isprintable() else " " for c in text)
    return tuple(clean[k : k + 80].rstrip() for k in range(0, 3200, 80))
