"""`describe` says what is in a file, and what is missing."""

from __future__ import annotations

import numpy as np
import pytest
from io_files import noise, segy_bytes, spread, written

from seisinv import io
from seisinv.core import DataError


def test_description_of_a_line(tmp_path):
    fields = spread(3, 4) | {29: [1] * 11 + [2], 109: -8, 71: -10, 61: 80, 65: 90, 69: 1}
    fields |= {73: np.asarray(fields[73]) * 10, 81: np.asarray(fields[81]) * 10}
    data = noise(12, 64)
    data[3] = 0
    info = io.describe(written(tmp_path, segy_bytes(fields, data)))
    assert (info.traces, info.shots, info.samples, info.receivers_per_shot) == (12, 3, 64, (4, 4))
    assert (info.source_spacing, info.receiver_spacing) == (50, 10)
    assert info.offsets == (5, 95)
    assert info.start == pytest.approx(-0.008)
    assert info.duration == pytest.approx(0.252)
    assert (info.flagged_dead, info.zero) == (1, 1)
    assert info.scalars == {"coordinate": (-10,), "elevation": (1,)}
    assert info.water_depth == (80, 90)
    assert info.problem is None
    text = io.info_text(info)
    for part in ("3, every 50 m", "4 per shot, every 10 m", "1 flagged, 1 all zero", "big endian", "5 to 95 m"):
        assert part in text


def test_band_of_a_sine(tmp_path):
    time = 0.004 * np.arange(500)
    data = np.tile(np.sin(2 * np.pi * 20 * time), (6, 1)).astype("f4")
    info = io.describe(written(tmp_path, segy_bytes(spread(), data)))
    assert info.peak == pytest.approx(20, abs=0.5)
    assert 18 < info.band[0] < 20 < info.band[1] < 22


def test_missing_geometry_is_a_problem_not_an_error(tmp_path):
    info = io.describe(written(tmp_path, segy_bytes({9: 1, 13: np.arange(6)}, noise())))
    assert info.shots is None
    assert "receiver_x (bytes 81-84)" in info.problem
    assert "Not usable as a survey" in io.info_text(info)
    assert info.traces == 6


def test_suspicious_headers_are_said(tmp_path):
    offsets = np.abs(np.asarray(spread()[81]) - np.asarray(spread()[73])) * 10
    data = noise()
    data[2, 2] = np.inf
    info = io.describe(written(tmp_path, segy_bytes(spread() | {37: offsets, 71: 7, 115: 9}, data)))
    text = " ".join(info.suspicious)
    for part in ("offset (bytes 37-40) differs", "not a power of ten", "9 samples", "NaN or infinite"):
        assert part in text


def test_feet_are_suspected(tmp_path):
    for spacing in (82.021, 110):  # 25 m, and a group interval that is only customary in feet
        fields = spread() | {81: np.round(1000 * spacing * (np.arange(6) % 3)), 71: -1000}
        path = written(tmp_path, segy_bytes(fields, noise(), measurement=0))
        assert "--units" not in (problem := io.describe(path).problem)
        assert f"receivers lie {spacing:g} apart" in problem
        assert 'units="feet"' in problem
        assert io.describe(path, units="feet").receiver_spacing == pytest.approx(spacing * 0.3048, abs=1e-3)
        assert io.describe(path, units="metres").receiver_spacing == pytest.approx(spacing)


def test_a_section_is_recognised(tmp_path):
    x = 10 * np.arange(6)
    info = io.describe(written(tmp_path, segy_bytes({73: x, 81: x}, noise())))
    assert any("section or a model" in sentence for sentence in info.suspicious)


def test_no_data_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match="text file"):
        io.describe(written(tmp_path, b"hello\n", "notes.txt"))
