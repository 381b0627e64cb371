"""A geometry that cannot be true is refused with its trace, and one that is odd is never taken without a word."""

from __future__ import annotations

import numpy as np
import pytest
from io_files import noise, segy_bytes, spread, written

from seisinv import io
from seisinv.core import ConfigError, GeometryError
from seisinv.jobs.choose import choose
from seisinv.jobs.config import settings_from
from seisinv.jobs.data import open_data

SHOTS, RECEIVERS = 4, 12
TRACE = 17  # from 0; the one that is changed
FAR = 0x7F800000


def line(folder, *, samples=500, **changes):
    """Write a line of 4 shots whose headers agree; `b81=5` changes bytes 81 of one trace, a list those of all."""
    fields = {k: np.broadcast_to(v, SHOTS * RECEIVERS).copy() for k, v in spread(SHOTS, RECEIVERS).items()}
    fields |= {29: np.ones(SHOTS * RECEIVERS, int), 37: np.abs(fields[81] - fields[73])}
    for name, value in changes.items():
        column = fields.setdefault(int(name[1:]), np.zeros(SHOTS * RECEIVERS, int))
        if isinstance(value, list):
            column[:] = value
        else:
            column[TRACE] = value
    return written(folder, segy_bytes(fields, noise(SHOTS * RECEIVERS, samples)))


def test_a_plain_line_needs_no_remark(tmp_path):
    assert io.open_line(line(tmp_path)).notes == ()


@pytest.mark.parametrize(
    ("byte", "field"),
    [(73, "source_x"), (77, "source_y"), (81, "receiver_x"), (85, "receiver_y"), (41, "receiver_elevation"),
     (45, "source_elevation"), (49, "source_depth")],
)  # fmt: skip
def test_an_absurd_coordinate_is_named_with_its_trace(tmp_path, byte, field):
    path = line(tmp_path, **{f"b{byte}": FAR})
    with pytest.raises(GeometryError) as caught:
        io.open_line(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: trace {TRACE + 1}: {field} (bytes {byte}-{byte + 3}) puts its ")
    assert "2,139,095,0" in text
    assert abs(caught.value.value) > 2e9
    assert "plausible are 160,000 m" in text
    assert "mark the trace dead" in text
    assert field in io.describe(path).problem


def test_the_remedy_works(tmp_path):
    found = io.open_line(line(tmp_path, b81=FAR, b29=2))
    assert sum(len(shot.receivers) for shot in found.survey.shots) == SHOTS * RECEIVERS - 1
    assert any("too far away to belong to the line: 1 trace, dead" in note for note in found.notes)
    assert not found[:].live.all()


def test_a_trace_whose_positions_both_lie_elsewhere_is_named(tmp_path):
    with pytest.raises(GeometryError, match=f"trace {TRACE + 1}: "):
        io.open_line(line(tmp_path, b73=900_000_000, b81=900_000_100))
    with pytest.raises(GeometryError, match=r", as are 47 more"):
        io.open_line(line(tmp_path, b73=[7] * 48, b81=[10**9 + k for k in range(48)]))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"b81": 155}, "offset (bytes 37-40) contradicts the coordinates of 1 trace: trace 18 is said to be 5 m"),
        ({"b37": 4000}, "trace 18 is said to be 4,000 m from its source, by its coordinates 5 m"),
        ({"b37": [900] * 48}, "offset (bytes 37-40) differs from the coordinates by"),
        ({"b81": 30_000}, "gets within the record (15,968 m in 1.996 s): 1 trace, the farthest trace 18"),
        ({"b81": 2_000, "b37": 1950}, "jumps: receivers of a shot lie 1,885 m apart beside x = 2,000 m (trace 18)"),
        ({"b73": [0] * 12 + [50] * 12 + [100] * 12 + [9000] * 12, "b37": [0] * 48}, "sources lie 8,900 m apart"),
        ({"b9": 99}, "1 of 5 shots have far fewer traces than the usual 12: shot 99 has 1, from trace 18 on"),
        ({"b29": 9}, "taken as seismic: traces of identification code 9 (trace_kind (bytes 29-30)), 1 of 48"),
        ({"b29": [0] * 48}, "identification code 0 (trace_kind (bytes 29-30)), 48 of 48"),
        ({"b71": -10}, "coordinate_scalar differs between traces: -10 to 0"),
        ({"b41": 2000}, "level far from the usual z = 0 m: that of trace 18 at -2,000 m"),
        ({"b109": [-20_000] * 48}, "begin -20 s after the source: is the delay"),
    ],
)  # fmt: skip
def test_odd_headers_are_said_with_their_trace(tmp_path, changes, words):
    notes = io.open_line(line(tmp_path, **changes), vertical="elevation").notes
    assert any(words in note for note in notes), notes
    assert any(words in sentence for sentence in io.describe(tmp_path / "line.sgy", vertical="elevation").suspicious)


@pytest.mark.parametrize("interval", [1, 60_000])
def test_odd_sample_intervals_are_said(tmp_path, interval):
    path = written(tmp_path, segy_bytes(spread() | {29: 1}, noise(), interval=interval))
    assert any("unusual for seismic data" in note for note in io.open_line(path).notes)


def test_traces_are_numbered_within_their_file(tmp_path):
    first = line(tmp_path).rename(tmp_path / "first.sgy")
    with pytest.raises(GeometryError, match=rf"line\.sgy: trace {TRACE + 1}: receiver_x"):
        io.open_line([first, line(tmp_path, b81=FAR)])


def test_a_grid_beyond_the_memory_is_refused_with_the_extent_of_the_survey(tmp_path):
    tables = {"data": {"path": [str(line(tmp_path))]}, "grid": {"spacing": [0.001]}, "inversion": {"bands": [5.0]}}
    settings = settings_from(tables)
    with pytest.raises(ConfigError, match="fit into the memory; sources and receivers lie between x = 0 and 150"):
        choose(settings, open_data(settings))
