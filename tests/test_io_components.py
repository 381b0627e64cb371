"""What traces measure and what sources are: written, read back, told by codes, by the reader, or refused."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from io_files import segy_bytes, trace_headers, written

from seisinv import io
from seisinv.core import ConfigError, DataError, Gathers, SeisinvError, Shot, Survey, TimeAxis
from seisinv.io.sensors import COMPONENTS, component_of
from seisinv.jobs import config
from seisinv.jobs.data import open_data

SHOTS, STATIONS, SAMPLES = 3, 4, 16
SURVEYED = ("p", "vz", "vx")


def gathers(names: tuple[str, ...] = SURVEYED, kind: Any = None, dead: Mapping[int, slice] | None = None) -> Gathers:
    """Gathers of stations that measure some components, all of the first before all of the second."""
    survey = Survey.surface(
        sources=np.stack([np.full(SHOTS, 5.0), 50.0 + 40 * np.arange(SHOTS)], 1),
        receivers=np.stack([np.full(STATIONS, 2.0), 10.0 + 10 * np.arange(STATIONS)], 1),
        wavelet=None, duration=(SAMPLES - 1) * 1e-2, dt=1e-2, components=names, kind=kind,
    )  # fmt: skip
    data = torch.randn(SHOTS, survey.max_receivers, SAMPLES, generator=torch.Generator().manual_seed(1))
    live = torch.ones(data.shape[:2], dtype=torch.bool)
    for shot, traces in (dead or {}).items():
        live[shot, traces] = False
    return Gathers(data * live[..., None], survey, live)


def same(read: Gathers, wrote: Gathers) -> bool:
    """Whether samples, live traces, positions, components and kinds are the same."""
    shots = zip(read.survey.shots, wrote.survey.shots, strict=True)
    return (
        torch.equal(read.data, wrote.data) and torch.equal(read.live, wrote.live)
        and all(np.allclose(a.receivers, b.receivers) and np.allclose(a.sources, b.sources)
                and a.components == b.components and a.kinds == b.kinds for a, b in shots)
    )  # fmt: skip


KINDS = ["explosion", "fz", "fx", "fy", "mzx", {"mzz": 1.0, "mxx": -1 / 3}, {"fz": 0.5}, None]


@st.composite
def surveys(draw: st.DrawFn) -> Survey:
    """Shots of any receivers; some shots may say nothing of components or kinds."""
    name, place = st.sampled_from([*COMPONENTS, "szz", "w_1"]), st.integers(1, 500)
    shots = []
    for k in range(draw(st.integers(1, 4))):
        receivers = draw(st.lists(st.tuples(place, place), min_size=1, max_size=5))
        count = len(receivers)
        heard = draw(st.none() | st.lists(name, min_size=count, max_size=count))
        kind = draw(st.sampled_from(KINDS))
        kinds = None if kind is None else (kind,)
        shots.append(Shot([[3.0, 7.0 + 20 * k]], np.array(receivers, float), k + 1, None, kinds, heard))
    return Survey(tuple(shots), TimeAxis(1e-3, 4))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(survey=surveys(), data=st.data())
def test_any_components_and_kinds_survive_the_round_trip(tmp_path: Path, survey: Survey, data: st.DataObject) -> None:
    count = int(survey.occupied.sum())
    live = torch.zeros(survey.occupied.shape, dtype=torch.bool)
    live[survey.occupied] = torch.tensor(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    traces = live[..., None] * torch.arange(1.0, 5.0)
    wrote = Gathers(traces, survey, live)
    io.write_segy(tmp_path / "any.sgy", wrote, overwrite=True)
    line = io.open_line(tmp_path / "any.sgy")
    assert same(line[:], wrote)
    io.write_segy(tmp_path / "copy.sgy", line, overwrite=True)
    assert (tmp_path / "copy.sgy").read_bytes() == (tmp_path / "any.sgy").read_bytes()


def test_dead_traces_keep_their_component(tmp_path: Path) -> None:
    whole = {k: slice(STATIONS, 2 * STATIONS) for k in range(SHOTS)}
    wrote = gathers(dead=whole | {1: slice(3, 2 * STATIONS)})
    io.write_segy(tmp_path / "a.sgy", wrote)
    line = io.open_line(tmp_path / "a.sgy")
    assert same(line[:], wrote)
    assert line.notes == ()
    assert same(io.open_line(tmp_path / "a.sgy", component="vz")[:], wrote.component("vz"))
    assert same(line.component("vz", "vx")[:].component("vz"), wrote.component("vz"))


def test_dead_traces_are_known_by_their_sensor_where_the_text_is_lost(tmp_path: Path) -> None:
    wrote = gathers(dead={0: slice(1, 6), 2: slice(9, 10)})
    io.write_segy(tmp_path / "a.sgy", wrote)
    content = bytearray((tmp_path / "a.sgy").read_bytes())
    content[:3200] = b" " * 3200
    assert same(io.read_line(written(tmp_path, bytes(content), "b.sgy")), wrote)


def test_others_see_codes_and_units(tmp_path: Path) -> None:
    import obspy
    import segyio

    wrote = gathers(("p", "uz", "ay", "vx", "other"), kind="fx", dead={0: slice(0, 1)})
    io.write_segy(tmp_path / "a.sgy", wrote)
    codes, units = [11, 12, 13, 14, 1], [1, 5, 7, 6, -1]
    with segyio.open(str(tmp_path / "a.sgy"), strict=False) as file:
        seen = {name: file.attributes(byte)[:] for name, byte in (("code", 29), ("unit", 203), ("sensor", 213))}
        assert seen["code"].tolist() == [2, *np.repeat(codes, STATIONS)[1:], *np.tile(np.repeat(codes, STATIONS), 2)]
        assert seen["unit"].tolist() == np.tile(np.repeat(units, STATIONS), SHOTS).tolist()
        assert seen["sensor"].tolist() == np.tile(np.repeat([1, 2, 3, 4, 5], STATIONS), SHOTS).tolist()
        assert set(file.attributes(217)[:]) == {6}
        assert set(file.attributes(231)[:]) == {5}
        assert b"SENSOR 3 (BYTES 213-214) = ay: M/S2, TRACE IDENTIFICATION 13" in file.text[0]
        assert file.bin[3257] == 0  # pressure and motion
    trace = obspy.read(tmp_path / "a.sgy", format="SEGY", unpack_trace_headers=True)[5].stats.segy.trace_header
    assert (trace.trace_identification_code, trace.trace_value_measurement_unit) == (12, 5)
    assert (trace.source_type_orientation, trace.source_measurement_unit) == (6, 5)


@pytest.mark.parametrize(("names", "word"), [(("p",), 2), (("vz", "vx"), 1), (("p", "vz"), 0)])
def test_the_file_says_its_polarity(tmp_path: Path, names: tuple[str, ...], word: int) -> None:
    io.write_segy(tmp_path / "a.sgy", gathers(names))
    assert struct.unpack_from(">h", (tmp_path / "a.sgy").read_bytes(), 3256) == (word,)
    assert io.open_line(tmp_path / "a.sgy").notes == ()


def test_without_components_nothing_of_them_is_written(tmp_path: Path) -> None:
    wrote = gathers(("vz",))
    shots = tuple(dataclasses.replace(s, components=None) for s in wrote.survey.shots)
    io.write_segy(tmp_path / "a.sgy", wrote.replace(survey=wrote.survey.replace(shots=shots)))
    content = (tmp_path / "a.sgy").read_bytes()
    assert "1 LIVE, 2 DEAD" in content[:3200].decode("cp037")
    assert "SENSOR" not in content[:3200].decode("cp037")
    assert content[3256:3258] == b"\0\0"
    assert content[3600 + 202 : 3600 + 214] == b"\0" * 12
    assert content[3600 + 216 : 3600 + 240] == b"\0" * 24


@pytest.mark.parametrize(
    ("kinds", "word"),
    [
        ([{f"m{k}": 0.1 + k for k in range(9)}], "holds 76 characters to a line"),
        ([f"k{k}" for k in range(30)], "holds 24"),
        (["two words"], "named 'two words'"),
        ([{}], "an empty sum"),
    ],
)
def test_kinds_that_the_text_cannot_hold_are_refused(tmp_path: Path, kinds: list[Any], word: str) -> None:
    shots = tuple(Shot([[0.0, 5.0]], [[0.0, 10.0 + k]], k + 1, kinds=(kind,)) for k, kind in enumerate(kinds))
    survey = Survey(shots, TimeAxis(1e-3, 4))
    with pytest.raises(DataError, match=word):
        io.write_segy(tmp_path / "a.sgy", Gathers(torch.ones(len(shots), 1, 4), survey))
    assert not list(tmp_path.iterdir())


def foreign(
    folder: Path, codes: Any, name: str = "f.sgy", *, first: int = 0, revision: int = 1, polarity: int = 0, **words: Any
) -> Path:
    """Write a file of another program: each shot has the stations, each station traces of these codes in turn."""
    codes = np.atleast_1d(codes)
    shot, station, each = (v.ravel() for v in np.indices((SHOTS, STATIONS, len(codes))))
    fields = {9: shot + 1, 13: len(codes) * station + each + 1, 29: codes[each], 49: 5, 89: 1}
    fields |= {73: 50 + 40 * shot, 81: 10 + 10 * station}
    for byte, value in words.items():  # of every trace, or of the traces of a station in turn
        fields[int(byte[1:])] = np.asarray(value)[each] if np.ndim(value) and len(value) == len(codes) else value
    samples = first + np.arange(len(shot))[:, None] + np.linspace(0.1, 0.9, SAMPLES)[None]
    content = bytearray(segy_bytes(fields, samples.astype(np.float32), interval=10_000))
    struct.pack_into(">BB", content, 3500, revision, 0)
    struct.pack_into(">h", content, 3256, polarity)
    return written(folder, bytes(content), name)


def numbers(found: Gathers) -> list[list[int]]:
    """Return the numbers of the traces in the file, by shot."""
    return found.data[..., 0].int().tolist()


def noted(line: io.Line, words: str) -> bool:
    return any(words in note for note in line.notes)


def test_interleaved_components_are_told_by_code_and_unit(tmp_path: Path) -> None:
    line = io.open_line(foreign(tmp_path, [12, 13, 14], b203=[7, 6, 5]))
    assert line.components == ("az", "vy", "ux")
    assert line.survey.shots[0].components == ("az", "vy", "ux") * STATIONS
    assert numbers(line[:].component("vy"))[1] == [13, 16, 19, 22]
    assert not line.notes
    assert io.open_line(foreign(tmp_path, [11], b203=1)).components == ("p",)
    assert io.open_line(foreign(tmp_path, [1], b203=6)).components == ()
    silent = io.open_line(foreign(tmp_path, [11, 12, 14]))
    assert silent.components == ("p", "vz", "vx")
    assert noted(silent, "unit of vz, vx is not said")
    assert noted(silent, 'component="p,az,ax" for acceleration')
    assert io.open_line(silent.paths, component="p,az,ax").components == ("p", "az", "ax")
    assert io.open_line(silent.paths, values={"trace_unit": 7}).components == ("p", "az", "ax")
    assert noted(io.open_line(foreign(tmp_path, [12], b203=3)), "unit of vz is mV")


def test_bytes_beyond_the_first_revision_are_not_believed_in_old_files_and_su(tmp_path: Path) -> None:
    rubbish = {"b203": 7, "b213": 3, "b217": 1, "b231": 5}
    line = io.open_line(foreign(tmp_path, [12], revision=0, **rubbish))
    assert (line.components, line.survey.shots[0].kinds) == (("vz",), None)
    mapped = io.open_line(line.paths, headers={"trace_unit": "203:int16"})
    assert mapped.components == ("vz",)  # the same bytes are the same field
    body = line.paths[0].read_bytes()[3600:]
    step = 240 + 4 * SAMPLES
    words = b"".join(
        body[k : k + 114] + struct.pack(">HH", SAMPLES, 10_000) + body[k + 118 : k + step]
        for k in range(0, len(body), step)
    )
    su = io.open_line(written(tmp_path, words, "line.su"))
    assert (su.components, su.survey.shots[0].kinds) == (("vz",), None)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_files_of_one_component_each_are_one_line(tmp_path: Path, order: tuple[int, ...]) -> None:
    paths = [foreign(tmp_path, code, f"{code}.sgy", first=100 * k) for k, code in enumerate((12, 13, 14))]
    line = io.open_line([paths[k] for k in order])
    assert [len(shot.receivers) for shot in line.survey.shots] == [3 * STATIONS] * SHOTS
    assert set(line.components) == {"vz", "vy", "vx"}
    assert numbers(line[:].component("vx"))[1] == [204, 205, 206, 207]
    only = io.open_line(paths, component="vy")
    assert (only.components, only.paths) == (("vy",), (paths[1],))
    assert numbers(only[:])[2] == [108, 109, 110, 111]
    assert numbers(io.open_line(paths, component=14)[:])[0] == [200, 201, 202, 203]
    with pytest.raises(DataError, match="no trace measures p; there are 12 of vz, 12 of vy, 12 of vx"):
        io.open_line(paths, component="p")


def test_tapes_go_together_one_after_the_other(tmp_path: Path) -> None:
    paths = [foreign(tmp_path, code, f"{code}{tape}.sgy", first=100 * code + 50 * tape)
             for tape in (0, 1) for code in (12, 14)]  # fmt: skip
    line = io.open_line(paths)
    assert len(line) == 2 * SHOTS
    found = line[:]
    assert numbers(found.component("vx"))[SHOTS][0] == numbers(found.component("vz"))[SHOTS][0] + 200


def test_readers_say_what_traces_measure_where_codes_do_not(tmp_path: Path) -> None:
    path = foreign(tmp_path, [1, 1])
    with pytest.raises(DataError, match="2 traces each"):
        io.open_line(path)
    line = io.open_line(path, component="vz,vx")
    assert line.survey.shots[0].components == ("vz", "vx") * STATIONS
    assert noted(line, "taken as vz, vx in turn")
    with pytest.raises(DataError, match="but positions have 2 traces each"):
        io.open_line(path, component="vz,vx,vy")
    one = foreign(tmp_path, 1, "one.sgy")
    assert io.open_line(one, component="uz").components == ("uz",)
    assert noted(io.open_line(one, component="uz"), "taken as uz, as requested")
    both = io.open_line([one, foreign(tmp_path, 1, "two.sgy", first=100)], component=["vz", "vx"])
    assert set(both.survey.shots[0].components) == {"vz", "vx"}
    assert numbers(both[:].component("vx"))[0] == [100, 101, 102, 103]
    with pytest.raises(ConfigError, match=r"'up'; the traces do not say .* such as p, uz, uy, ux"):
        io.open_line(one, component="up")


def test_files_that_say_it_and_files_that_do_not(tmp_path: Path) -> None:
    silent = foreign(tmp_path, 1, "silent.sgy", first=100)
    both = io.open_line([foreign(tmp_path, 12, "z.sgy"), silent])
    assert both.components == ()
    assert noted(both, "all are taken as one component")
    several = [foreign(tmp_path, [12, 14], "zx.sgy"), silent]
    with pytest.raises(DataError, match=r'other files have vz, vx; choose one, .*component="vz"'):
        io.open_line(several)
    assert len(io.open_line(several, component="vz")) == 2 * SHOTS
    with pytest.raises(DataError, match=r"silent.sgy does not say what it measures"):
        io.open_line(several, component="vz,vx")


def test_mixed_and_unknown_codes(tmp_path: Path) -> None:
    codes = [12, 14, 12, 14, 1, 1, 12, 14] * SHOTS
    with pytest.raises(DataError, match=r'all of .* = 1: components of one receiver.; choose one: component="vz"'):
        io.open_line(foreign(tmp_path, [1, 12, 14]))
    mixed = io.open_line(foreign(tmp_path, [1, 1], b29=codes, b81=10 * np.arange(24)))
    assert mixed.components == ()
    assert noted(mixed, 'that do not say (1); those and vz are used (component="vx" for another)')
    assert io.open_line(mixed.paths, component="vx").components == ("vx",)
    pair = io.open_line(foreign(tmp_path, [1, 12], b81=np.arange(SHOTS * STATIONS * 2) * 10))
    assert pair.components == ()
    assert noted(pair, "all are taken as one component")
    unknown = io.open_line(foreign(tmp_path, [99]))
    assert unknown.components == ()
    assert noted(unknown, "taken as seismic: traces of identification code 99")
    rotated = io.open_line(foreign(tmp_path, [12, 15]))
    assert rotated.components == ("vz",)
    assert noted(rotated, "12 rotated vertical traces (trace_kind (bytes 29-30) = 15) are left out")
    assert numbers(io.open_line(rotated.paths, component=15)[:])[0] == [1, 3, 5, 7]


def test_dead_traces_of_others_are_those_of_their_channel(tmp_path: Path) -> None:
    codes = np.tile([12, 14], SHOTS * STATIONS)
    codes[[0, 3, 8]] = 2
    line = io.open_line(foreign(tmp_path, [1, 1], b29=codes))
    assert all(shot.components == ("vz", "vx") * STATIONS for shot in line.survey.shots)
    assert line[:].live.sum() == len(codes) - 3
    assert io.open_line(line.paths, component="vx")[:].live.tolist()[0] == [True, False, True, True]
    codes[1::8] = 2  # the second channel is dead in all shots
    lost = io.open_line(foreign(tmp_path, [1, 1], b29=codes))
    assert noted(lost, "3 dead traces of which nothing tells the component are left out")


def test_rotated_motion_is_turned_to_the_axes(tmp_path: Path) -> None:
    path = foreign(tmp_path, [17, 16], b203=6)
    line = io.open_line(path)
    assert line.components == ("vx", "vy")
    found = line[:].component("vx")
    away = np.sign(line[:].component("vx").survey.offsets)
    assert np.array_equal(np.sign(found.data[..., 5].numpy()), np.where(away < 0, -1, 1))
    assert noted(line, "rotated transverse (16) and rotated radial (17) motion is taken as positive away")


def test_polarity_of_a_component(tmp_path: Path) -> None:
    path = foreign(tmp_path, [11, 12], polarity=1, b203=[1, 6])
    line = io.open_line(path)
    assert noted(line, "increase in pressure is a negative number (bytes 3257-3258 = 1), the opposite of p")
    assert not noted(line, "upward")
    turned = io.open_line(path, polarity={"p": "reversed"})[:]
    assert torch.equal(turned.component("p").data, -line[:].component("p").data)
    assert torch.equal(turned.component("vz").data, line[:].component("vz").data)
    assert torch.equal(io.open_line(path, polarity="p=reversed")[:].data, turned.data)
    assert noted(io.open_line(foreign(tmp_path, [12], "z.sgy", polarity=2)), "upward motion is a positive number")
    with pytest.raises(ConfigError, match="polarity names 'vx'; the traces measure p, vz"):
        io.open_line(path, polarity={"vx": "reversed"})
    with pytest.raises(ConfigError, match="must be normal or reversed"):
        io.open_line(path, polarity={"p": "up"})


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ({"b217": 1}, ("fz",)),
        ({"b217": 3}, ("fx",)),
        ({"b217": 5}, ("fy",)),
        ({"b217": 4}, None),
        ({"b217": 4, "b231": 5}, ("fz",)),
        ({"b217": 7}, None),
        ({"b217": -2}, None),
        ({"b217": 321}, None),
        ({"b217": [1, 2]}, None),
    ],
)
def test_sources_are_told_where_headers_are_clear(tmp_path: Path, words: dict[str, Any], kinds: object) -> None:
    line = io.open_line(foreign(tmp_path, [11, 12], b203=[1, 6], **words))
    assert all(shot.kinds == kinds for shot in line.survey.shots)
    assert noted(line, "do not tell what their source is") == isinstance(words["b217"], list)


def test_information_says_components_units_and_sources(tmp_path: Path) -> None:
    io.write_segy(tmp_path / "a.sgy", gathers(("p", "az"), kind="fz"))
    info = io.describe(tmp_path / "a.sgy")
    assert info.components == {"p": (12, "Pa"), "az": (12, "m/s²")}
    text = io.info_text(info)
    assert "components        p (Pa): 12 traces, az (m/s²): 12 traces" in text
    assert "sources           fz" in text
    assert "several components?" not in text
    plain = io.info_text(io.describe(foreign(tmp_path, 1)))
    assert "components  " not in plain
    assert "sources  " not in plain


def job(path: Path, **changes: Any) -> Any:
    (path.parent / "job.toml").write_text(f"[data]\npath = '{path}'\nclean = false\n")
    return open_data(config.load(path.parent / "job.toml", {name.replace("__", "."): v for name, v in changes.items()}))


def test_acoustic_jobs_take_one_component_as_pressure(tmp_path: Path) -> None:
    found = job(foreign(tmp_path, 12, b217=1))
    assert found.line.components == ()
    assert all(shot.components is None and shot.kinds is None for shot in found.line.survey.shots)
    assert found.notes[0] == "components: acoustic has no vz, which the traces measure: it is taken as p"
    assert found.notes[1].startswith("sources: acoustic has no fz")
    assert job(foreign(tmp_path, 11)).notes == ()
    assert job(foreign(tmp_path, 11)).line.survey.shots[0].components is None


def test_jobs_use_the_components_that_their_equation_has(tmp_path: Path) -> None:
    path = foreign(tmp_path, [11, 12, 14])
    found = job(path)
    assert numbers(found.line[[0]]) == [[0, 3, 6, 9]]
    assert "p of p, vz, vx is used, acoustic has no vz and no vx" in found.notes[0]
    elastic = job(path, propagator__physics="elastic")
    assert (elastic.line.components, elastic.notes) == (("p", "vz", "vx"), ())
    with pytest.raises(DataError, match=r'acoustic has none of them, only p; choose one, .*component="v'):
        job(foreign(tmp_path, [13, 14]))
    vertical = job(foreign(tmp_path, [12, 14]))
    assert numbers(vertical.line[[0]]) == [[0, 2, 4, 6]]
    assert "vz of vz, vx is used" in vertical.notes[0]
    assert vertical.notes[1] == "components: acoustic has no vz, which the traces measure: it is taken as p"
    assert numbers(job(foreign(tmp_path, [12, 14]), data__component="vx").line[[0]]) == [[1, 3, 5, 7]]


def test_the_polarity_of_a_job(tmp_path: Path) -> None:
    path = foreign(tmp_path, [11, 12])
    for given_as in ("p=reversed", {"p": "reversed"}, "reversed"):
        assert (job(path, data__polarity=given_as).line[[0]].data <= 0).all()
    with pytest.raises(ConfigError, match=r"data\.polarity is 'up'; it must be normal or reversed"):
        job(path, data__polarity="up")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_hostile_headers_are_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    n = SHOTS * STATIONS * 2
    word = st.sampled_from([0, 1, 2, 5, 11, 12, 14, 15, 17, -1, 32767])
    words = {f"b{byte}": data.draw(st.lists(word, min_size=n, max_size=n)) for byte in (29, 203, 213, 217, 231)}
    if data.draw(st.booleans()):
        io.write_segy(tmp_path / "h.sgy", gathers(("vz", "vx"), kind="explosion"), overwrite=True)
        content = bytearray((tmp_path / "h.sgy").read_bytes())
        for name, values in words.items():
            for k, value in enumerate(values):
                struct.pack_into(">h", content, 3600 + k * (240 + 4 * SAMPLES) + int(name[1:]) - 1, value)
        path = written(tmp_path, bytes(content), "h.sgy")
    else:
        path = foreign(tmp_path, [1, 1], "h.sgy", **words)
    choice = data.draw(st.sampled_from([None, "vz", "vz,vx", "p", 12, 1, "1/2", ["ax", "az"], "x"]))
    try:
        found = io.read_line(path, component=choice)
    except SeisinvError:
        return
    for shot in found.survey.shots:
        assert shot.components is None or len(shot.components) == len(shot.receivers)
    assert io.info_text(io.describe(path, component=choice))


def test_names_and_numbers_are_each_others_inverse() -> None:
    assert {component_of(code, unit): (code, unit) for code, unit in COMPONENTS.values()} == dict(COMPONENTS)
    assert trace_headers({203: 6}, 1)[0, 203] == 6
