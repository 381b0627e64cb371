"""Whatever bytes a file holds, readers succeed or raise a SeisinvError of one line."""

from __future__ import annotations

import struct

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from io_files import noise, segy_bytes, spread, third_party, trace_headers, written

from seisinv import io
from seisinv.core import SeisinvError

SEGY = segy_bytes(spread(), noise())
SU = b"".join(
    head.tobytes() + row.tobytes()
    for head, row in zip(trace_headers(spread() | {115: 12, 117: 4000}, 6), noise().astype(">f4"), strict=True)
)
FUZZ = settings(max_examples=100, deadline=4000, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read_everything(path) -> None:
    """Open, load, describe and read as a model; only one-line SeisinvErrors may come out."""
    for read in (io.read_line, lambda p: io.info_text(io.describe(p)), lambda p: io.read_model(p, spacing=1.0)):
        try:
            read(path)
        except SeisinvError as error:
            assert "\n" not in str(error)  # noqa: PT017  (many inputs, each may fail or not)


def patched(content: bytes, patches) -> bytes:
    out = bytearray(content)
    for where, value in patches:
        k = where % len(out)
        out[k : k + len(value)] = value
    return bytes(out[: len(content)])


words = st.one_of(
    st.binary(min_size=1, max_size=8),
    st.sampled_from([b"\xff\xff", b"\x80\x00", b"\x7f\xff", b"\x80\x00\x00\x00", b"\x7f\xff\xff\xff", b"\0\0\0\0"]),
)
patches = st.lists(st.tuples(st.integers(0, 10**6), words), min_size=1, max_size=6)
header_patches = st.lists(st.tuples(st.integers(3200, 3840), words), min_size=1, max_size=6)
cuts = st.integers(0, len(SEGY))


@FUZZ
@given(content=st.binary(max_size=6000))
@example(b"\x55\x3a" + bytes(40))
@example(b"\x1f\x8b" + bytes(40))
@example(b"PK\x03\x04" + bytes(40))
@example(b"\x93NUMPY" + bytes(40))
def test_random_bytes(tmp_path, content):
    read_everything(written(tmp_path, content, "fuzz.bin"))


@FUZZ
@given(cut=cuts, suffix=st.sampled_from([".sgy", ".su", ""]))
def test_truncated_segy(tmp_path, cut, suffix):
    read_everything(written(tmp_path, SEGY[:cut], "fuzz" + suffix))


@FUZZ
@given(changes=st.one_of(patches, header_patches))
@example([(3220, struct.pack(">H", 1))])
@example([(3504, b"\xff\xff")])
@example([(3500, b"\x02\x00")])
def test_corrupted_segy(tmp_path, changes):
    read_everything(written(tmp_path, patched(SEGY, changes), "fuzz.sgy"))


@FUZZ
@given(changes=patches, cut=st.integers(0, len(SU)) | st.just(len(SU)))
def test_corrupted_su(tmp_path, changes, cut):
    read_everything(written(tmp_path, patched(SU, changes)[:cut], "fuzz.su"))


@pytest.mark.filterwarnings("ignore")
@settings(FUZZ, max_examples=40)
@given(
    changes=st.lists(st.tuples(st.integers(0, 5728), words), min_size=0, max_size=6),
    cut=st.integers(0, 5728) | st.just(5728),
)
def test_corrupted_seg2(tmp_path, changes, cut):
    content = third_party("obspy_seg2/20180307_031245000.0.seg2").read_bytes()
    read_everything(written(tmp_path, patched(content, changes)[:cut] if changes else content[:cut], "fuzz.seg2"))


@FUZZ
@given(headers=st.dictionaries(st.sampled_from(sorted(io.HEADERS)), st.integers(-3, 300), max_size=3))
def test_any_mapping_of_headers(tmp_path, headers):
    path = written(tmp_path, SEGY)
    try:
        io.open_line(path, headers=headers)
    except SeisinvError as error:
        assert "\n" not in str(error)  # noqa: PT017
