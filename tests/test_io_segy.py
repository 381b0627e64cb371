"""Reading SEG-Y: positions, times and samples are what the headers say."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from io_files import noise, segy_bytes, spread, trace_headers, written

from seisinv import io
from seisinv.core import ConfigError, DataError, GeometryError, Observed
from seisinv.io.traces import TraceTable


def test_survey_and_samples_are_the_files(tmp_path):
    data = noise()
    line = io.open_segy(written(tmp_path, segy_bytes(spread(), data)))
    assert isinstance(line, Observed)
    assert len(line) == 2
    assert line.survey.shots[1].sources.tolist() == [[5, 50]]
    assert line.survey.shots[1].receivers.tolist() == [[0, 5], [0, 15], [0, 25]]
    assert (line.survey.time.step, line.survey.time.samples, line.survey.time.start) == (0.004, 12, 0)
    assert torch.equal(line[:].data.reshape(6, 12), torch.from_numpy(data))
    assert torch.equal(line[[1]].data[0], line[:].data[1])


def test_opening_reads_no_samples_and_loading_only_those_asked(tmp_path, monkeypatch):
    loaded = []
    original = TraceTable.load
    monkeypatch.setattr(TraceTable, "load", lambda self, rows: loaded.extend(rows) or original(self, rows))
    line = io.open_segy(written(tmp_path, segy_bytes(spread(4), noise(12))))
    assert not loaded
    _ = line[[2]]
    assert loaded == [6, 7, 8]


def test_line_can_be_pickled(tmp_path):
    line = io.open_segy(written(tmp_path, segy_bytes(spread(), noise())))
    assert torch.equal(pickle.loads(pickle.dumps(line))[:].data, line[:].data)


@pytest.mark.parametrize(("scalar", "stored"), [(1, 1), (0, 1), (-10, 10), (-100, 100), (10, 0.1)])
def test_coordinate_scalar(tmp_path, scalar, stored):
    fields = spread()
    x = np.asarray(fields[81], float) * 2
    fields |= {71: scalar, 73: np.asarray(fields[73]) * stored, 81: x * stored}
    survey = io.open_segy(written(tmp_path, segy_bytes(fields, noise()))).survey
    assert np.allclose(survey.shots[0].receivers[:, 1], x[:3], rtol=1e-15)


@pytest.mark.parametrize(("scalar", "factor"), [(1, 1), (0, 1), (-100, 0.01), (10, 10)])
def test_depth_is_datum_minus_elevation_plus_depth(tmp_path, scalar, factor):
    fields = spread() | {41: 200, 45: 300, 49: 40, 69: scalar}
    path = written(tmp_path, segy_bytes(fields, noise()))
    survey = io.open_segy(path, datum=1000).survey
    assert np.allclose(survey.shots[0].sources[0, 0], 1000 + factor * (40 - 300))
    assert np.allclose(survey.shots[0].receivers[:, 0], 1000 - factor * 200)


@pytest.mark.parametrize(
    ("measurement", "units", "factor"),
    [(1, None, 1), (2, None, 0.3048), (1, "feet", 0.3048), (2, "metres", 1), (0, None, 1)],
)
def test_feet_are_converted(tmp_path, measurement, units, factor):
    path = written(tmp_path, segy_bytes(spread(), noise(), measurement=measurement))
    line = io.open_segy(path, units=units)
    assert np.allclose(line.survey.shots[0].receivers[:, 1], np.array([5, 15, 25]) * factor)
    assert np.allclose(line.survey.shots[0].sources[0, 0], 5 * factor)
    assert any("metres are assumed" in note for note in line.notes) == (measurement == 0)


def test_depths_in_elevation_fields_are_recognised_and_said(tmp_path):
    fields = spread() | {41: 100, 45: 1600, 49: 0}
    path = written(tmp_path, segy_bytes(fields, noise()))
    line = io.open_segy(path)
    assert line.vertical == "depth"
    assert line.survey.shots[0].sources[0, 0] == 1600
    assert line.survey.shots[0].receivers[0, 0] == 100
    assert any("taken as depths" in note for note in line.notes)
    assert io.open_segy(path, vertical="elevation", datum=0.0).survey.shots[0].sources[0, 0] == -1600


def test_topography_stays_elevation(tmp_path):
    fields = spread() | {41: [600, 602, 605, 600, 602, 605], 45: [601, 601, 601, 607, 607, 607], 49: 0}
    line = io.open_segy(written(tmp_path, segy_bytes(fields, noise())), datum=610)
    assert line.vertical == "elevation"
    assert line.survey.shots[0].receivers[:, 0].tolist() == [10, 8, 5]


@pytest.mark.parametrize("code", [2, 3, 4])
def test_angles_are_refused_with_the_option_that_overrides(tmp_path, code):
    path = written(tmp_path, segy_bytes(spread() | {89: code}, noise()))
    with pytest.raises(GeometryError, match=r"bytes 89-90.*coordinate_units=.length"):
        io.open_segy(path)
    assert io.open_segy(path, coordinate_units="length").survey.shots[1].sources[0, 1] == 50


def test_values_that_no_angle_reaches_are_lengths(tmp_path):
    fields = spread() | {89: 3}
    fields[73] = np.asarray(fields[73]) + 3000
    line = io.open_segy(written(tmp_path, segy_bytes(fields, noise())))
    assert line.survey.shots[0].sources[0, 1] == 3000
    assert any("more than any angle" in note for note in line.notes)


FORMATS = {2: "i4", 3: "i2", 5: "f4", 6: "f8", 8: "i1", 9: "i8", 10: "u4", 11: "u2", 12: "u8", 16: "u1"}


@pytest.mark.parametrize("order", [">", "<"])
@pytest.mark.parametrize("code", FORMATS)
def test_sample_formats_and_byte_orders(tmp_path, code, order):
    data = np.random.default_rng(0).integers(0, 100, (6, 12)).astype(FORMATS[code])
    gathers = io.read_segy(written(tmp_path, segy_bytes(spread(), data, order=order, code=code)))
    assert gathers.data.dtype == torch.float32
    assert np.array_equal(gathers.data.reshape(6, 12).numpy(), data.astype("f4"))


def test_ibm_floats(tmp_path):
    # -118.625 is 0xC276A000 (IBM System/360 principles of operation, worked example), 1.0 is 0x41100000.
    words = np.tile(np.array([0xC276A000, 0x41100000, 0], ">u4"), (6, 4))
    gathers = io.read_segy(written(tmp_path, segy_bytes(spread(), words, code=1)))
    assert gathers.data[0, 0, :3].tolist() == [-118.625, 1.0, 0.0]


@pytest.mark.parametrize("code", [4, 7, 15])
def test_formats_that_are_not_read_are_named(tmp_path, code):
    with pytest.raises(DataError, match=f"format {code}"):
        io.open_segy(written(tmp_path, segy_bytes(spread(), noise(), code=code)))


@pytest.mark.parametrize(("delay", "scalar", "start"), [(-10, 0, -0.01), (250, 1, 0.25), (-125, -10, -0.0125)])
def test_delay_is_the_start_of_the_time_axis(tmp_path, delay, scalar, start):
    path = written(tmp_path, segy_bytes(spread() | {109: delay, 215: scalar}, noise()))
    assert np.isclose(io.open_segy(path).survey.time.start, start, rtol=0, atol=1e-12)


def test_delays_that_differ_are_put_on_one_axis(tmp_path):
    data = noise()
    path = written(tmp_path, segy_bytes(spread() | {109: [0, 0, 0, 8, 8, 8]}, data))
    gathers = io.read_segy(path)
    assert gathers.survey.time.samples == 14
    assert np.array_equal(gathers.data[1, :, 2:].numpy(), data[3:])
    assert not gathers.data[0, :, 12:].any()


def test_order_of_traces_in_the_file_does_not_matter(tmp_path):
    data, fields = noise(12), {k: np.broadcast_to(v, 12) for k, v in spread(4).items()}
    order = np.random.default_rng(3).permutation(12)
    mixed = {byte: values[order] for byte, values in fields.items()}
    sorted_ = io.read_segy(written(tmp_path, segy_bytes(fields, data), "a.sgy"))
    shuffled = io.read_segy(written(tmp_path, segy_bytes(mixed, data[order]), "b.sgy"))
    assert torch.equal(sorted_.data, shuffled.data)
    for a, b in zip(sorted_.survey.shots, shuffled.survey.shots, strict=True):
        assert np.array_equal(a.receivers, b.receivers)


@pytest.mark.parametrize("record", [0, 7])
def test_shots_are_told_apart_by_position_without_field_records(tmp_path, record):
    line = io.open_segy(written(tmp_path, segy_bytes(spread() | {9: record}, noise())))
    assert [shot.sources[0, 1] for shot in line.survey.shots] == [0, 50]


def test_a_field_record_per_trace_is_no_shot(tmp_path):
    line = io.open_segy(written(tmp_path, segy_bytes(spread() | {9: np.arange(6) + 1}, noise())))
    assert len(line) == 2


def test_shots_with_different_receivers_are_padded(tmp_path):
    fields = spread(1, 5) | {9: [1, 1, 1, 2, 2], 73: [0, 0, 0, 50, 50]}
    data = noise(5)
    gathers = io.read_segy(written(tmp_path, segy_bytes(fields, data)))
    assert gathers.data.shape == (2, 3, 12)
    assert gathers.live.tolist() == [[True, True, True], [True, True, False]]
    assert not gathers.data[1, 2].any()


def test_dead_traces_are_not_live(tmp_path):
    data = noise()
    data[1] = 0
    gathers = io.read_segy(written(tmp_path, segy_bytes(spread() | {29: [1, 1, 1, 2, 1, 1]}, data)))
    assert gathers.live.tolist() == [[True, False, True], [False, True, True]]


def test_auxiliary_traces_are_left_out(tmp_path):
    line = io.open_segy(written(tmp_path, segy_bytes(spread() | {29: [6, 1, 1, 1, 1, 1]}, noise())))
    assert [len(shot.receivers) for shot in line.survey.shots] == [2, 3]


def test_nan_is_refused_except_in_dead_traces(tmp_path):
    data = noise()
    data[4, 3] = np.nan
    with pytest.raises(DataError, match="shot 2 trace 2 holds 1 NaN"):
        io.read_segy(written(tmp_path, segy_bytes(spread(), data)))
    gathers = io.read_segy(written(tmp_path, segy_bytes(spread() | {29: [1, 1, 1, 1, 2, 1]}, data)))
    assert torch.isfinite(gathers.data).all()


def test_wrong_sample_count_in_trace_headers_is_noted(tmp_path):
    line = io.open_segy(written(tmp_path, segy_bytes(spread() | {115: 1500}, noise())))
    assert line.survey.time.samples == 12
    assert any("1500 samples" in note for note in line.notes)


def test_interval_comes_from_the_traces_where_the_file_has_none(tmp_path):
    path = written(tmp_path, segy_bytes(spread() | {117: 2000}, noise(), interval=0))
    assert io.open_segy(path).survey.time.step == 0.002
    with pytest.raises(DataError, match=r"bytes 3217-3218.*117-118"):
        io.open_segy(written(tmp_path, segy_bytes(spread(), noise(), interval=0)))


def test_missing_coordinates_are_named_and_can_be_mapped(tmp_path):
    fields = spread()
    fields |= {181: fields.pop(73), 185: fields.pop(81)}
    path = written(tmp_path, segy_bytes(fields, noise()))
    with pytest.raises(GeometryError, match=r"source_x \(bytes 73-76\).*receiver_x \(bytes 81-84\).*181-184, 185-188"):
        io.open_segy(path)
    survey = io.open_segy(path, headers={"source_x": 181, "receiver_x": 185}).survey
    assert survey.shots[1].sources[0, 1] == 50
    assert survey.shots[0].receivers[2, 1] == 25


def test_all_shots_at_one_place_are_refused(tmp_path):
    path = written(tmp_path, segy_bytes(spread() | {73: 77}, noise()))
    with pytest.raises(GeometryError, match=r"2 shots are at one place, x = 77.*source_x \(bytes 73-76\)"):
        io.open_segy(path)
    assert len(io.open_segy(path, shots_by="position")) == 1


def test_headers_are_checked():
    with pytest.raises(ConfigError, match="did you mean source_x"):
        io.open_segy("none.sgy", headers={"sourcex": 73})
    with pytest.raises(ConfigError, match="byte 74"):
        io.open_segy(__file__, headers={"source_x": 74})
    with pytest.raises(ConfigError, match="'metres' or 'feet'"):
        io.open_segy("none.sgy", units="km")


def test_straight_oblique_line_keeps_distances(tmp_path):
    along = np.array([0, 100, 250, 400, 700, 1000])
    fields = {9: 1, 13: np.arange(6) + 1, 73: 5000, 77: 8000, 81: 5000 + 3 * along, 85: 8000 + 4 * along}
    line = io.open_segy(written(tmp_path, segy_bytes(fields, noise())))
    assert np.allclose(line.survey.shots[0].receivers[:, 1], 5 * along, atol=1e-6)
    assert line.projection.is_straight
    assert line.projection.offset_lost_max < 1e-6


def test_crooked_line_reports_the_distance_lost(tmp_path):
    x = np.arange(6) * 100
    y = np.array([0, 6, -6, 6, -6, 0])
    fields = {9: 1, 13: np.arange(6) + 1, 73: 0, 77: 0, 81: x, 85: y}
    line = io.open_segy(written(tmp_path, segy_bytes(fields, noise())))
    assert 5 < line.projection.off_line_max < 7
    assert 0 < line.projection.off_line_mean < line.projection.off_line_max
    assert any("off it" in note for note in line.notes)
    assert np.allclose(np.diff(line.survey.shots[0].receivers[:, 1]), 100, atol=1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file headers alone need 3600"),
        (b"x" * 5000, "text file"),
        (segy_bytes({}, noise())[:3600], "no traces"),
        (segy_bytes(spread(), noise())[:-7], "truncated"),
        (segy_bytes(spread(), noise(), count=0), "3221-3222"),
        (segy_bytes(spread(), noise(), code=99), "sample format code"),
        (b"\x89HDF\r\n\x1a\n" + bytes(5000), "HDF5"),
    ],
)
def test_what_is_no_segy_file_is_said_in_one_line(tmp_path, content, message):
    with pytest.raises(DataError, match=message) as caught:
        io.open_segy(written(tmp_path, content))
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        io.open_segy(tmp_path / "none.sgy")
    with pytest.raises(DataError, match="directory"):
        io.open_segy(tmp_path)


def test_several_files_make_one_line(tmp_path):
    data, fields = noise(), {k: np.broadcast_to(v, 6) for k, v in spread().items()}
    paths = [
        written(tmp_path, segy_bytes({k: v[part] for k, v in fields.items()}, data[part]), f"{k}.sgy")
        for k, part in enumerate((slice(0, 3), slice(3, 6)))
    ]
    gathers = io.read_line(paths)
    assert torch.equal(gathers.data.reshape(6, 12), torch.from_numpy(data))
    other = written(tmp_path, segy_bytes(spread(), noise(samples=13)), "other.sgy")
    with pytest.raises(DataError, match="13 samples"):
        io.open_line([paths[0], other])


@pytest.mark.parametrize("order", [">", "<"])
def test_su_is_segy_without_file_headers(tmp_path, order):
    import obspy

    data = noise()
    headers = trace_headers(spread() | {115: 12, 117: 4000}, 6, order)
    body = data.astype(f"{order}f4").view(np.uint8)
    path = written(tmp_path, np.concatenate([headers, body], 1).tobytes(), "line.su")
    gathers = io.read_line(path)
    assert torch.equal(gathers.data.reshape(6, 12), torch.from_numpy(data))
    assert gathers.survey.shots[1].sources.tolist() == [[5, 50]]
    assert np.array_equal(obspy.read(path, format="SU")[4].data, gathers.data[1, 1].numpy())
