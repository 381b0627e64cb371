"""Writing SEG-Y: what is read back is what was written, and others read it too."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seisinv import io
from seisinv.core import DataError, Gathers, RunError, Shot, Survey, TimeAxis


def example(shots: int = 3, samples: int = 20) -> Gathers:
    """Gathers of shots with 4, 5, … receivers; one dead trace."""
    survey = Survey(
        tuple(
            Shot(
                np.array([[6.25, 100.5 + 50 * k]]),
                np.stack([np.full(4 + k, 10.125), 12.5 * np.arange(4 + k)], 1),
                number=k + 7,
            )
            for k in range(shots)
        ),
        TimeAxis(0.002, samples, -0.0125),
    )
    data = torch.randn(shots, survey.max_receivers, samples, generator=torch.Generator().manual_seed(0))
    live = torch.ones(data.shape[:2], dtype=torch.bool)
    live[0, 2] = False
    return Gathers(data.masked_fill(~survey.occupied[..., None], 0), survey, live)


def assert_same(read: Gathers, wrote: Gathers, *, tolerance: float = 0.0) -> None:
    assert torch.equal(read.data.view(torch.int32), wrote.data.view(torch.int32))
    assert torch.equal(read.live, wrote.live)
    assert read.survey.time == wrote.survey.time
    for a, b in zip(read.survey.shots, wrote.survey.shots, strict=True):
        assert np.allclose(a.sources, b.sources, rtol=0, atol=tolerance)
        assert np.allclose(a.receivers, b.receivers, rtol=0, atol=tolerance)


def test_round_trip_is_exact(tmp_path):
    wrote = example()
    io.write_segy(tmp_path / "a.sgy", wrote)
    line = io.open_segy(tmp_path / "a.sgy")
    assert_same(line[:], wrote)
    assert [shot.number for shot in line.survey.shots] == [7, 8, 9]
    assert line.notes == ()


# SEG-Y has no other word for "no position" than (0, 0): a dead trace there is left out, so positions stay away from it.
coordinate = st.floats(1, 50_000) | st.floats(-50_000, -1)
sample = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def surveys(draw: st.DrawFn) -> Survey:
    shots = []
    for x in draw(st.lists(st.integers(-30_000, 30_000).filter(bool), min_size=1, max_size=4, unique=True)):
        receivers = draw(st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=5))
        shots.append(Shot([[draw(coordinate), 1.23456 * x]], np.array(receivers)))
    start = draw(st.integers(-30_000, 30_000)) * 1e-6
    return Survey(tuple(shots), TimeAxis(draw(st.integers(1, 30_000)) * 1e-6, draw(st.integers(2, 9)), start))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(survey=surveys(), data=st.data())
def test_any_survey_survives_the_round_trip(tmp_path, survey, data):
    count, samples = int(survey.occupied.sum()), survey.time.samples
    values = data.draw(st.lists(sample, min_size=count * samples, max_size=count * samples))
    traces = torch.zeros(len(survey), survey.max_receivers, samples)
    traces[survey.occupied] = torch.tensor(values, dtype=torch.float32).reshape(count, samples)
    wrote = Gathers(traces, survey, traces.abs().amax(-1) > 0)
    io.write_segy(tmp_path / "any.sgy", wrote, overwrite=True)
    read = io.read_segy(tmp_path / "any.sgy")
    assert np.isclose(read.survey.time.start, survey.time.start, rtol=0, atol=1e-9)
    assert np.isclose(read.survey.time.step, survey.time.step, rtol=1e-12)
    # The finest scalar is 1/10 000: half of 0.1 mm.
    read = Gathers(read.data, read.survey.replace(time=survey.time), read.live)
    assert_same(read, wrote, tolerance=0.51e-4)


def test_large_coordinates_keep_centimetres(tmp_path):
    survey = Survey.surface(
        sources=np.array([[5.0, 7_632_624.4567]]),
        receivers=np.array([[0.0, 7_632_000.1234], [0.0, 7_633_000.5]]),
        wavelet=None,
        duration=0.1,
        dt=0.01,
    )
    io.write_segy(tmp_path / "utm.sgy", Gathers(torch.ones(1, 2, 11), survey))
    read = io.open_segy(tmp_path / "utm.sgy").survey
    assert np.allclose(read.shots[0].receivers, survey.shots[0].receivers, rtol=0, atol=0.0051)


def test_segyio_and_obspy_read_what_is_written(tmp_path):
    import obspy
    import segyio

    wrote, path = example(), tmp_path / "a.sgy"
    io.write_segy(path, wrote)
    with segyio.open(str(path), strict=False) as file:
        assert (file.tracecount, int(file.format)) == (15, 5)
        assert file.samples[0] == -12.5
        assert file.attributes(segyio.TraceField.FieldRecord)[4] == 8
        assert file.attributes(segyio.TraceField.SourceX)[4] / file.attributes(71)[4] == -150.5
        assert file.attributes(segyio.TraceField.offset)[0] == round(-100.5)
        assert np.array_equal(file.trace[1], wrote.data[0, 1].numpy())
        assert b"SEISINV" in file.text[0]
    stream = obspy.read(path, format="SEGY", unpack_trace_headers=True)
    assert len(stream) == 15
    assert stream[0].stats.delta == 0.002
    assert np.array_equal(stream[14].data, wrote.data[2, 5].numpy())


def test_ibm_floats_keep_six_digits(tmp_path):
    wrote = example()
    io.write_segy(tmp_path / "a.sgy", wrote, sample_format="ibm")
    # IBM floats have at least 21 bits of mantissa.
    assert torch.allclose(io.read_segy(tmp_path / "a.sgy").data, wrote.data, rtol=2**-20)
    assert io.describe(tmp_path / "a.sgy").sample_format == "4-byte IBM float"


def test_a_line_is_copied_shot_by_shot(tmp_path):
    io.write_segy(tmp_path / "a.sgy", example())
    io.write_segy(tmp_path / "b.sgy", io.open_segy(tmp_path / "a.sgy"))
    assert (tmp_path / "a.sgy").read_bytes() == (tmp_path / "b.sgy").read_bytes()


def test_existing_files_are_kept_unless_asked(tmp_path):
    path = tmp_path / "a.sgy"
    path.write_text("precious")
    with pytest.raises(RunError, match="overwrite=True"):
        io.write_segy(path, example())
    assert path.read_text() == "precious"
    io.write_segy(path, example(), overwrite=True)
    assert path.stat().st_size > 3600


def test_failure_leaves_nothing_behind(tmp_path):
    wrote = example()
    wrote.data[2, 1, 3] = float("nan")
    with pytest.raises(DataError, match="NaN"):
        io.write_segy(tmp_path / "a.sgy", wrote)
    assert not list(tmp_path.iterdir())
    with pytest.raises(RunError, match="cannot write"):
        io.write_segy(tmp_path / "no" / "a.sgy", example())


def test_import_is_light_and_a_full_disk_leaves_nothing(tmp_path):
    pytest.importorskip("resource")
    script = (
        "import resource, sys, torch\n"
        "from seisinv import io\n"
        "if {'segyio', 'obspy', 'matplotlib'} & sys.modules.keys():\n"
        "    sys.exit(9)\n"
        "from seisinv.core import Gathers, Survey, RunError, line\n"
        "survey = Survey.surface(sources=line(0, 100, every=50), receivers=line(0, 100, every=10), wavelet=None,"
        " duration=1.0, dt=1e-3)\n"
        "gathers = Gathers(torch.ones(3, 11, 1001), survey)\n"
        "io.write_segy(sys.argv[1] + '/whole.sgy', gathers)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        "try:\n"
        "    io.write_segy(sys.argv[1] + '/part.sgy', gathers)\n"
        "except RunError as error:\n"
        "    sys.exit(7 if 'cannot write' in str(error) and len(str(error).splitlines()) == 1 else 8)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == 7
    assert [path.name for path in tmp_path.iterdir()] == ["whole.sgy"]


def test_what_segy_cannot_hold_is_refused(tmp_path):
    survey = example().survey
    two = Shot(np.zeros((2, 2)), np.ones((1, 2)))
    with pytest.raises(DataError, match="2 sources"):
        io.write_segy(tmp_path / "a.sgy", Gathers(torch.ones(1, 1, 20), Survey((two,), survey.time)))
    thirds = survey.replace(time=TimeAxis(1 / 3000, 400))
    with pytest.raises(DataError, match=r"333\.333 µs"):
        io.write_segy(tmp_path / "a.sgy", Gathers(torch.ones(3, 6, 400), thirds))
    far = Shot(np.array([[0.0, 3e9]]), np.ones((1, 2)))
    with pytest.raises(DataError, match="reaches 3e"):
        io.write_segy(tmp_path / "a.sgy", Gathers(torch.ones(1, 1, 20), Survey((far,), survey.time)))
