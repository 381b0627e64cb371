"""Files with the diseases of real records: read right, or refused with a remedy that works as it is printed."""

from __future__ import annotations

import re
import shlex
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import seisinv
from hostile_files import ibm_floats
from io_files import segy_bytes, trace_headers, written

import seisinv as si
from seisinv import io
from seisinv.core import ConfigError, DataError, GeometryError
from seisinv.io.reader import is_segd
from seisinv.io.samples import Stored, told_by
from seisinv.io.tables import layout_of
from seisinv.jobs import config
from seisinv.jobs.data import open_data, without_late_shots
from seisinv.jobs.prepare import prepare
from seisinv.jobs.quality import cleaned, late_shots, remarks
from seisinv.jobs.reciprocal import swapped
from seisinv.runs.fingerprint import data_digest
from seisinv.signal import Window
from seisinv.signal.processing import processed
from seisinv.signal.quality import examined
from seisinv.traveltime import pick_first_breaks

SHOTS, CHANNELS, SAMPLES, STEP = 5, 24, 240, 500  # µs
SPEED = 800.0  # m/s
SHOT, CHANNEL = np.divmod(np.arange(SHOTS * CHANNELS), CHANNELS)
SOURCE, RECEIVER = 12.0 * SHOT + 1, 2.5 * CHANNEL
TIMES = np.arange(SAMPLES) * STEP * 1e-6


def fields(**changed: Any) -> dict[int, Any]:
    """Return the header fields of a land line in centimetres, some changed: b41=100."""
    found = {9: SHOT + 1, 13: CHANNEL + 1, 29: 1, 69: -100, 71: -100, 73: np.round(100 * SOURCE),
             81: np.round(100 * RECEIVER), 89: 1, 115: SAMPLES, 117: STEP}  # fmt: skip
    return found | {int(name[1:]): value for name, value in changed.items()}


def waves(noise: float = 0.003) -> np.ndarray:
    """Return direct waves in a little noise."""
    t = TIMES - np.abs(SOURCE - RECEIVER)[:, None] / SPEED - 0.01
    pulse = np.where(t > 0, np.sin(2 * np.pi * 60 * t) * np.exp(-70 * np.maximum(t, 0)), 0)
    return (pulse + noise * np.random.default_rng(0).standard_normal(t.shape)).astype(np.float32)


def file(folder: Path, samples: np.ndarray | None = None, name: str = "line.sgy", **how: Any) -> Path:
    """Write the line."""
    changed = {k: how.pop(k) for k in list(how) if re.fullmatch(r"b\d+", k)}
    data = waves() if samples is None else samples
    return written(folder, segy_bytes(fields(**changed), data, **{"interval": STEP, **how}), name)


def noted(line: io.Line, words: str) -> bool:
    """Whether a remark holds some words."""
    return any(words in note for note in line.notes)


DISEASES = {
    "IEEE called IBM": (lambda: {"code": 1}, waves, "4-byte IEEE float"),
    "IBM called IEEE": (lambda: {"code": 5}, lambda: ibm_floats(waves().astype(float)), "4-byte IBM float"),
    "little samples": (lambda: {}, lambda: waves().byteswap(), "little-endian"),
    "integers called IEEE": (lambda: {"code": 5}, lambda: (1e4 * waves()).astype("i4"), "signed integer"),
}


@pytest.mark.parametrize("disease", DISEASES)
def test_samples_tell_their_format(tmp_path: Path, disease: str) -> None:
    how, samples, words = DISEASES[disease]
    line = io.open_line(file(tmp_path, samples(), **how()))
    assert noted(line, words)
    scale = 1e-4 if "integers" in disease else 1.0
    assert np.allclose(line[:].data.reshape(len(SHOT), -1).numpy() * scale, waves(), atol=2e-4 if scale < 1 else 1e-6)
    said = io.open_line(line.paths[0], sample_format="ibm" if disease == "IEEE called IBM" else "ieee")
    assert not noted(said, words)


@pytest.mark.parametrize("code", [1, 2, 3, 5])
@pytest.mark.parametrize("order", [">", "<"])
def test_samples_that_are_what_the_file_says_are_believed(code: int, order: str) -> None:
    random = np.random.default_rng(code)
    signals = {
        "wave": waves().astype(float), "noise": random.standard_normal((20, 400)), "steps": np.round(waves() * 10),
        "large": 1e12 * waves().astype(float), "few": np.eye(30, 300), "positive": 1500 + 10 * random.random((20, 300)),
    }  # fmt: skip
    for name, signal in signals.items():
        scale = 1e3 / np.abs(signal).max() if code in (2, 3) else 1.0
        stored = {1: ibm_floats, 2: np.int32, 3: np.int16, 5: np.float32}[code](signal * scale)
        raw = stored.astype(stored.dtype.newbyteorder(order))
        assert told_by(raw, Stored(code, order)) == Stored(code, order), name


def test_trace_headers_beat_a_stale_binary_header(tmp_path: Path) -> None:
    line = io.open_line(file(tmp_path, interval=4000))
    assert line.survey.time.step == pytest.approx(STEP * 1e-6)
    assert noted(line, "the binary header says 4000 µs")
    assert io.open_line(line.paths[0], values={"sample_interval": 4000}).survey.time.step == 0.004
    milliseconds = io.open_line(file(tmp_path, b117=4, interval=4000))
    assert milliseconds.survey.time.step == 0.004
    assert noted(milliseconds, "4 µs per sample, which cannot be")


def with_words(path: Path, **words: int) -> Path:
    """Change 16-bit words of the binary header, by their first byte in the file."""
    content = bytearray(path.read_bytes())
    for name, value in words.items():
        struct.pack_into(">h", content, int(name[1:]) - 1, value)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "words", [{"b3501": 0x7973, "b3505": 0x6577}, {"b3501": 0, "b3505": 2}, {"b3501": 0x0100, "b3505": 3}]
)
def test_extended_headers_are_only_believed_where_they_are(tmp_path: Path, words: dict[str, int]) -> None:
    line = io.open_line(with_words(file(tmp_path), **words))
    assert line[[0]].data.shape == (1, CHANNELS, SAMPLES)
    assert np.allclose(line[:].data.reshape(len(SHOT), -1).numpy(), waves())


def test_counts_beyond_16_bits_and_partial_traces(tmp_path: Path) -> None:
    data = np.zeros((6, 70_000), np.float32)
    data[:, 100] = 1
    header = {9: 1, 13: np.arange(6) + 1, 29: 1, 73: 5, 81: 10 * np.arange(6) + 10, 115: 70_000 % 65_536, 117: 1000}
    path = written(tmp_path, segy_bytes(header, data, interval=1000, count=70_000 % 65_536))
    line = io.open_line(path)
    assert line.survey.time.samples == 70_000
    assert (line[:].data[0, :, 100] == 1).all()
    path.write_bytes(path.read_bytes()[:-1000])
    assert [len(shot.receivers) for shot in io.open_line(path).survey.shots] == [5]
    assert noted(io.open_line(path), "ends within a trace")


def test_components_are_read_side_by_side_or_one_is_chosen(tmp_path: Path) -> None:
    data = np.repeat(waves(), 3, axis=0)
    data[1::3] *= 0.3
    tripled = {byte: np.repeat(np.broadcast_to(v, len(SHOT)), 3) for byte, v in fields().items()}
    path = written(tmp_path, segy_bytes(tripled | {29: np.tile([12, 13, 14], len(SHOT))}, data, interval=STEP))
    line = io.open_line(path)
    assert line.components == ("vz", "vy", "vx")
    assert np.allclose(line[:].component("vz").data.reshape(len(SHOT), -1).numpy(), waves())
    for chosen in (13, "vy", ["vy"]):
        assert np.allclose(io.open_line(path, component=chosen)[:].data.reshape(len(SHOT), -1).numpy(), 0.3 * waves())
    with pytest.raises(DataError, match="no trace has identification code 15"):
        io.open_line(path, component=15)
    with pytest.raises(DataError, match="no trace measures p; there are 120 of vz, 120 of vx, 120 of vy; choose"):
        io.open_line(path, component="p")
    same = written(tmp_path, segy_bytes(tripled, data, interval=STEP), "same.sgy")
    with pytest.raises(DataError, match="3 traces each, such as 1 and 2"):
        io.open_line(same)
    assert np.allclose(io.open_line(same, component="2/3")[:].data.reshape(len(SHOT), -1).numpy(), 0.3 * waves())
    with pytest.raises(DataError, match="positions have 3 traces each"):
        io.open_line(same, component="1/2")
    with pytest.raises(ConfigError, match="component"):
        io.open_line(same, component="vertical")


def _floats(values: np.ndarray) -> np.ndarray:
    return values.astype(">f4").view(">i4").astype(np.int64)


DEGREES = {"b71": -10_000, "b73": -1_069_000 + SHOT, "b77": 340_700, "b81": -1_069_000 + CHANNEL * 2, "b85": 340_700}
REFUSED: dict[str, dict[str, Any]] = {
    "no interval": {"b117": 0, "interval": 0},
    "degrees": DEGREES | {"b89": 3},
    "degrees unsaid": DEGREES | {"b89": 0},
    "floats": {"b71": 0, "b73": _floats(SOURCE), "b81": _floats(RECEIVER)},
    "feet unsaid": {"b71": 1, "b73": 330 * SHOT + 165, "b81": 110 * CHANNEL, "measurement": 0},
    "an area": {"b71": -10, "b73": 800 * (SHOT % 3), "b77": 900 * (SHOT // 3), "b81": 600 * (CHANNEL % 6)}
    | {"b85": 600 * (CHANNEL // 6)},
}
FLAG = r"--[a-z-]+ [^\s;,)(]+"


@pytest.mark.parametrize("disease", REFUSED)
def test_what_is_refused_names_a_remedy_that_works_as_printed(tmp_path: Path, disease: str) -> None:
    path = file(tmp_path, **REFUSED[disease])
    code, said, _ = seisinv("info", path)
    assert code == 3
    flags = re.findall(
        r"--[a-z-]+ [^\s;,)(]+(?: --[a-z-]+ [^\s;,)(]+)*", said.split("Not usable as a survey")[1].split("\n")[0]
    )
    assert flags, said
    code, said, _ = seisinv("info", path, *shlex.split(flags[0]))
    assert code == 0, said
    assert "Not usable" not in said


def test_polarity_delays_and_datum(tmp_path: Path) -> None:
    path = file(tmp_path, b41=np.round(100 * (150 + 0.1 * RECEIVER)), b45=np.round(100 * (150 + 0.1 * SOURCE)))
    line = io.open_line(path)
    top = 150 + 0.1 * max(SOURCE.max(), RECEIVER.max())
    assert noted(line, f"highest position, {top:g} m")
    assert line.survey.shots[0].receivers[4, 0] == pytest.approx(top - 150 - 0.1 * RECEIVER[4])
    assert io.open_line(path, datum=0.0).survey.shots[0].receivers[4, 0] == pytest.approx(-150 - 0.1 * RECEIVER[4])
    turned = io.open_line(path, polarity="reversed", delays=[0.02])
    assert torch.equal(turned[:].data, -line[:].data)
    assert turned.survey.time.start == pytest.approx(0.02)
    with pytest.raises(ConfigError, match="one for each of 1 files"):
        io.open_line(path, delays=[0.0, 0.1])


def test_a_bent_line_keeps_its_offsets(tmp_path: Path) -> None:
    def road(s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.where(s < 30, s, 30 + (s - 30) * 0.5), np.where(s < 30, 0, (s - 30) * 0.866)

    (sx, sy), (gx, gy) = road(SOURCE), road(RECEIVER)
    stored = {f"b{byte}": np.round(100 * v) for byte, v in zip((73, 77, 81, 85), (sx, sy, gx, gy), strict=True)}
    line = io.open_line(file(tmp_path, **stored))
    distance = np.hypot(np.round(sx - gx, 2), np.round(sy - gy, 2)).reshape(SHOTS, -1)
    assert np.allclose(np.abs(line.survey.offsets), distance, atol=0.02)
    assert noted(line, "the line bends")
    straight = np.abs(io.open_line(line.paths[0], projection="line").survey.offsets)
    assert (distance - straight).max() > 3


def test_geometry_from_tables(tmp_path: Path) -> None:
    bare = file(tmp_path, b73=0, b81=0, b71=0)
    true = io.open_line(file(tmp_path, name="true.sgy")).survey

    def same(*names: str) -> bool:
        found = io.open_line(bare, geometry=names).survey
        return all(np.allclose(a.receivers, b.receivers) and np.allclose(a.sources, b.sources)
                   for a, b in zip(found.shots, true.shots, strict=True))  # fmt: skip

    def table(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    rows = "".join(f"{s + 1},{c + 1},{x},{g}\n" for s, c, x, g in zip(SHOT, CHANNEL, SOURCE, RECEIVER, strict=True))
    assert same(table("traces.csv", "Shot,Channel,SX (m),GX (m)\n" + rows))
    sources = "".join(f"{k + 1} {12 * k + 1} 0 0\n" for k in range(SHOTS))
    receivers = "".join(f"{k + 1} {2.5 * k} 0 0\n" for k in range(CHANNELS))
    assert same(f"sources={table('shots.geo', sources)}", f"receivers={table('receivers.geo', receivers)}")
    sps = "H00SPS format version num. SPS 2.1\n"
    sps += "".join(f"S{1:10.2f}{100 + k:10.2f}{'':25}{12 * k + 1:9.1f}{0:10.1f}{0:6.1f}\n" for k in range(SHOTS))
    sps += "".join(f"R{2:10.2f}{k + 1:10.2f}{'':25}{2.5 * k:9.1f}{0:10.1f}{0:6.1f}\n" for k in range(CHANNELS))
    sps += "".join(
        f"X{'':6}{k + 1:8d}  {1:10.2f}{100 + k:10.2f} {1:5d}{CHANNELS:5d}1{2:10.2f}{1:10.2f}{CHANNELS:10.2f}1\n"
        for k in range(SHOTS)
    )
    assert same(table("line.sps", sps))
    edits = table("edits.csv", "shot,channel,kill,reverse,shift_ms\n2,3,1,0,0\n2,4,0,1,0\n2,5,0,0,20\n")
    plain, edited = io.open_line(tmp_path / "true.sgy")[[1]], io.open_line(tmp_path / "true.sgy", geometry=[edits])[[1]]
    assert not edited.live[0, 2]
    assert torch.equal(edited.data[0, 3, :SAMPLES], -plain.data[0, 3])
    assert torch.equal(edited.data[0, 4, 40:], plain.data[0, 4])
    signs = table(
        "signs.csv", "channel;polarity\n" + "".join(f"{c + 1};{-1 if c == 3 else 1}\n" for c in range(CHANNELS))
    )
    assert (io.open_line(tmp_path / "true.sgy", geometry=[signs])[[1]].data == -plain.data).all(-1)[
        0
    ].nonzero().tolist() == [[3]]
    deep = table("deep.csv", "channel,x,depth\n" + "".join(f"{c + 1},{2.5 * c},40\n" for c in range(CHANNELS)))
    assert io.open_line(tmp_path / "true.sgy", geometry=[deep], datum=0.0).survey.shots[0].receivers[2].tolist() == [
        40,
        5,
    ]
    with pytest.raises(GeometryError, match="no source_x in the line for trace 2"):
        io.open_line(bare, geometry=[table("gap.csv", "shot,channel,sx,gx\n" + rows.replace("1,2,1.0,", "1,2,,"))])
    with pytest.raises(GeometryError, match=r"no line for trace 121|no line for trace 1 "):
        io.open_line(bare, geometry=[table("short.csv", "shot,channel,sx,gx\n2,1,0,5\n")])
    with pytest.raises(DataError, match="names no column that is known"):
        io.open_line(bare, geometry=[table("odd.csv", "a,b\n1,2\n")])
    with pytest.raises(DataError, match="not a number"):
        io.open_line(bare, geometry=[table("word.csv", "shot,x\n1,north\n")])


def test_a_regular_spread_and_the_command_that_writes_it(tmp_path: Path) -> None:
    bare = file(tmp_path, b73=0, b81=0, b71=0)
    found = io.open_line(bare, layout={"spacing": 2.5, "first": -5.0, "move": 12.0}).survey
    assert found.shots[2].sources[0, 1] == 24
    assert found.shots[2].receivers[1, 1] == 24 - 7.5
    assert io.open_line(bare, layout={"spacing": 2.5}, headers={"source_x": 9}).survey.shots[0].receivers[0, 1] == 2.5
    with pytest.raises(ConfigError, match="spacing"):
        layout_of({"first": 2.0})
    code, said, _ = seisinv("geometry", bare, "--layout", "spacing=2.5,first=5,move=12", "-o", tmp_path / "out.sgy")
    assert code == 0
    assert len(said.splitlines()) >= SHOTS + 2
    assert io.open_line(tmp_path / "out.sgy").survey.shots[1].receivers[0, 1] == 17


def test_recorders_leave_offset_spikes_and_hum(tmp_path: Path) -> None:
    clean = io.open_line(file(tmp_path))
    assert not remarks(clean)
    dirty = waves() + 0.5
    dirty[:, 7] += 4
    dirty += (2 * np.sin(2 * np.pi * 50 * TIMES + CHANNEL[:, None])).astype(np.float32)
    line = io.open_line(file(tmp_path, dirty, "dirty.sgy"))
    found = examined(line[:])
    assert found.zero
    assert found.spikes == (7,)
    assert found.hum == (50.0,)
    observed, notes = cleaned(line)
    assert len(notes) == 3
    picks, true = pick_first_breaks(observed[:]), pick_first_breaks(clean[:])
    assert np.nanmedian(np.abs(picks.times - true.times)) < 1e-3
    assert picks.count > 0.8 * true.count


@pytest.mark.parametrize("sample", [0, 1, 5, SAMPLES - 1])
def test_a_spike_is_found_wherever_it_is(tmp_path: Path, sample: int) -> None:
    dirty = waves()
    dirty[:, sample] += 3
    line = io.open_line(file(tmp_path, dirty))
    assert examined(line[:]).spikes == (sample,)
    assert abs(float(cleaned(line)[0][[0]].data[0, :, sample].mean())) < 0.1


def test_waves_are_no_fault_of_the_recorder() -> None:
    """One that reaches all receivers at once, and one lobe longer than the record."""
    survey = si.Survey.surface(sources=si.line(0, 100, every=50), receivers=si.line(0, 200, every=10), wavelet=None,
                               duration=0.3, dt=2e-3)  # fmt: skip
    plane = torch.from_numpy(si.ricker(60)(survey.time.times - 0.1)).expand(3, 21, -1)
    lobe = torch.from_numpy(np.sin(np.pi * survey.time.times / 0.35)).expand(3, 21, -1)
    for data in (plane, lobe):
        found = examined(si.Gathers(data.clone(), survey))
        assert not (found.zero)
        assert not (found.spikes)
        assert not (found.hum)
        assert not (found.bad.any())


def test_bad_channels_and_late_shots_are_named(tmp_path: Path) -> None:
    data = waves()
    data[5::CHANNELS] *= -1
    data[11::CHANNELS] = 20 * np.random.default_rng(2).standard_normal(data[11::CHANNELS].shape)
    data[17::CHANNELS] = 0
    data[3 * CHANNELS : 4 * CHANNELS] = np.roll(data[3 * CHANNELS : 4 * CHANNELS], 120, axis=1)
    data[3 * CHANNELS : 4 * CHANNELS, :120] = 0.003 * np.random.default_rng(3).standard_normal((CHANNELS, 120))
    line = io.open_line(file(tmp_path, data))
    text = " ".join(remarks(line))
    assert "noisy: channel 12 " in text
    assert "reversed: channel 6 " in text
    assert "silent: channel 18 " in text
    assert "shot 4 is 60 ms late" in text
    observed, _ = cleaned(line)
    assert not observed[[0]].live[0, [5, 11]].any()


def test_a_late_shot_of_a_streamer_is_found_with_some_of_its_traces(monkeypatch: pytest.MonkeyPatch) -> None:
    """No two positions are swapped there: times at the same distance tell."""
    shots = tuple(
        si.Shot([[10.0, x]], np.column_stack([np.full(40, 10.0), x + 100 + 12.5 * np.arange(40)]), k + 1)
        for k, x in enumerate(np.linspace(0, 500, 12))
    )
    survey = si.Survey(shots, si.TimeAxis(4e-3, 200))
    t = survey.time.times - 0.15 - np.abs(survey.offsets)[..., None] / 2000
    t[7] -= 0.12
    data = np.exp(-((t / 0.03) ** 2)) * np.cos(2 * np.pi * 12 * t)
    noise = 1e-3 * np.random.default_rng(0).standard_normal(data.shape)
    gathers = si.Gathers(torch.from_numpy(data + noise), survey)
    for traces in (20_000, 150):
        monkeypatch.setattr("seisinv.jobs.quality.PICKED", traces)
        assert {k: round(by, 2) for k, by in late_shots(gathers).items()} == {7: 0.12}
    monkeypatch.setattr("seisinv.jobs.quality.PICKED", 10)
    assert not late_shots(gathers)


def test_a_late_shot_is_not_inverted_until_a_table_shifts_it(tmp_path: Path) -> None:
    data = waves()
    data[3 * CHANNELS : 4 * CHANNELS] = np.roll(data[3 * CHANNELS : 4 * CHANNELS], 120, axis=1)
    path = str(file(tmp_path, data))
    settings = config.load(overrides={"data.path": path, "start.v0": SPEED})
    used = without_late_shots(settings, open_data(settings))
    assert 4 not in [shot.number for shot in used.observed.survey.shots]
    assert "shot 4 is 60 ms late against the others, left out of" in " ".join(used.notes)
    for held in (2, 3):  # one in two: shot 4 is held out; one in three: it is inverted
        settings = config.load(overrides={"data.path": path, "data.held_out": held, "start.v0": SPEED})
        parted = without_late_shots(settings, open_data(settings))
        assert parted.held_out is not None
        assert 4 not in [s.number for d in (parted.observed, parted.held_out) for s in d.survey.shots]
        assert "shot 4 is 60 ms late against the others, left out of" in " ".join(parted.notes)
    table = tmp_path / "shifts.csv"
    table.write_text("shot,shift_ms\n4,-60\n")
    settings = config.load(overrides={"data.path": path, "data.geometry": [str(table)], "start.v0": SPEED})
    assert len(without_late_shots(settings, open_data(settings)).observed) == SHOTS
    settings = config.load(overrides={"data.path": path, "data.clean": False, "start.v0": SPEED})
    used = without_late_shots(settings, open_data(settings))
    assert len(used.observed) == SHOTS
    assert "used as they are" in " ".join(used.notes)


def test_mutes_of_a_table_hold_for_data_and_prediction(tmp_path: Path) -> None:
    path, table = file(tmp_path, waves()), tmp_path / "mutes.csv"
    table.write_text("channel,mute_before_ms,mute_after_ms\n3,20,60\n")
    line = io.open_line(path, geometry=[str(table)])
    plain, predicted = io.open_line(path)[:], line[:].replace(data=torch.ones_like(line[:].data))
    t, taper = line.survey.time.times, Window(taper=1e-6)
    for gathers in (line[:], predicted):
        kept = processed(gathers, None, taper).data[:, 2]
        assert not kept[:, (t < 0.02 - 1e-9) | (t > 0.06 + 1e-9)].any()
        inside = (t > 0.021) & (t < 0.059)
        assert torch.equal(kept[:, inside], gathers.data[:, 2, inside].double())
    assert torch.equal(processed(line[:], None, taper).data[:, 3], plain.data[:, 3].double())
    assert torch.equal(line[:].data, plain.data)
    assert data_digest(line) != data_digest(io.open_line(path))
    assert torch.equal(processed(swapped(line), None, taper).data[2], processed(line[:], None, taper).data[:, 2])


def test_silence_has_no_first_breaks(tmp_path: Path) -> None:
    line = io.open_line(file(tmp_path, np.zeros_like(waves())))
    assert all(note.startswith("silent") for note in remarks(line))
    with pytest.raises(DataError, match="no trace has a first break"):
        pick_first_breaks(line[:])


def test_clipped_traces_are_said(tmp_path: Path) -> None:
    line = io.open_line(file(tmp_path, np.clip(waves(), -0.1, 0.1)))
    assert any(note.startswith("clipped: 1") for note in remarks(line))


def test_a_fit_that_the_data_reject_is_not_kept(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    t = TIMES - random.permuted(np.abs(SOURCE - RECEIVER).reshape(SHOTS, -1), axis=1).reshape(-1, 1) / SPEED - 0.01
    wrong = np.where(t > 0, np.sin(2 * np.pi * 120 * t) * np.exp(-140 * np.maximum(t, 0)), 0).astype(np.float32)
    path = file(tmp_path, wrong + 1e-3 * random.standard_normal(wrong.shape).astype(np.float32))
    place = tmp_path / "made"
    code, said, _ = seisinv("start", path, "-d", place, "--vp-min", 200, "--set", "data.clean=false", "-q")
    assert code in (2, 3)
    assert not (place / "start.sgy").exists()
    if code == 3:
        assert said.startswith("no model is kept, but the residual")
        assert "--force" in said


def test_other_kinds_of_files_are_named(tmp_path: Path) -> None:
    head = bytearray(4096)
    head[2:4], head[10:16] = bytes.fromhex("8058"), bytes.fromhex("261032123000")
    path = written(tmp_path, bytes(head), "shot.segd")
    assert is_segd(path)
    with pytest.raises(DataError, match="SEG-D"):
        io.open_line(path)
    body = trace_headers({}, 1).tobytes()
    assert not is_segd(written(tmp_path, body, "other"))


def test_several_files_and_patterns_make_one_line(tmp_path: Path) -> None:
    data = waves()
    for k in range(SHOTS):
        part = k == SHOT
        header = {byte: np.broadcast_to(v, len(SHOT))[part] for byte, v in fields().items()}
        written(tmp_path, segy_bytes(header, data[part], interval=STEP), f"f{k + 8}.sgy")
    code, said, _ = seisinv("info", tmp_path / "f*.sgy")
    assert code == 0
    assert re.search(rf"shots +{SHOTS}\b", said)
    code, _, message = seisinv("check", tmp_path / "f8.sgy", tmp_path / "job.toml")
    assert code == 2
    assert "name one job" in message
    done = seisinv("start", tmp_path / "f*.sgy", "-d", tmp_path / "out dir", "--vp-min", 200, "-q")
    assert done[0] == 0, done
    go_on = next(text for text in done[1].splitlines() if text.startswith("go on:"))
    words = shlex.split(go_on.removeprefix("go on:"))
    code, said, _ = seisinv("check", *words[2:])
    assert re.search(rf"shots +{SHOTS}\b", said)
    assert si.io.read_model(tmp_path / "out dir" / "start.sgy").vp.min() > 200


def test_tasks_carry_no_more_than_the_headers_of_their_own_shots(tmp_path: Path) -> None:
    line = io.open_line(file(tmp_path), polarity="reversed")
    part = line.part([3, 1])
    assert torch.equal(part[:].data, line[[3, 1]].data)
    assert torch.equal(part.part([1])[[0]].data, line[[1]].data)
    assert len(part.dead) == 2 * CHANNELS
    dirty = waves() + 0.5
    dirty[5::CHANNELS] *= -1
    observed, _ = cleaned(io.open_line(file(tmp_path, dirty, "dirty.sgy")))
    whole, alone = observed[[2]], observed.part([2])[[0]]
    assert torch.equal(whole.data, alone.data)
    assert torch.equal(whole.live, alone.live)
    assert not alone.live[0, 5]


def test_records_are_cut_to_what_the_window_uses(tmp_path: Path) -> None:
    path = file(tmp_path)
    settings = config.load(None, {"data.path": [str(path)], "window.time": [0.0, 0.05], "window.taper": 0.005})
    data = open_data(settings)
    assert data.observed.survey.time.samples == 101
    assert torch.equal(data.observed[[1]].data, io.open_line(path)[[1]].data[..., :101])
    assert any("cut at 0.05 s" in note for note in data.notes)
    muted = config.load(None, {"data.path": [str(path)], "window.after": [2000.0, 0.02]})
    assert open_data(muted).observed.survey.time.end < 0.06
    hum = waves() + np.where(TIMES > 0.08, 5 * np.sin(2 * np.pi * 300 * TIMES), 0).astype(np.float32)
    loud = config.load(None, {"data.path": [str(file(tmp_path, hum))], "window.time": [0.0, 0.08], "data.clean": False})
    assert open_data(loud).band[1] < 120


def test_few_receivers_are_modelled_as_sources(tmp_path: Path) -> None:
    grid = si.Grid((30, 60), 10.0)
    model = si.Model(grid, vp=2000 + 5 * grid.coordinates("z")[:, None] + 100 * np.sin(np.arange(60) / 5))
    nodes = np.array([[250.0, 100.0], [255.0, 400.0]])
    survey = si.Survey.surface(sources=si.line(50, 550, every=50, depth=12), receivers=nodes, wavelet=si.ricker(12),
                               duration=0.6, dt=4e-3)  # fmt: skip
    observed = si.Propagator(si.Acoustic(), grid, survey, vp_max=3700)(model)
    turned = swapped(observed)
    assert [len(turned), turned.survey.max_receivers] == [2, 11]
    again = si.Propagator(si.Acoustic(), grid, turned.survey.with_wavelet(si.ricker(12)), vp_max=3700)(model)
    error = float((again.data - turned.data).norm() / turned.data.norm())
    assert error < 2e-3  # single precision, and layers that are not exactly symmetric: measured 1e-4
    assert torch.equal(swapped(turned).data, observed.data[:, :])
    io.write_segy(tmp_path / "nodes.sgy", observed)
    tables = {"data.path": [str(tmp_path / "nodes.sgy")], "start.vp": 2100.0, "inversion.bands": [8.0]}
    prepared = prepare(config.load(None, tables))
    assert len(prepared.observed) == 2
    assert any("11 shots recorded at 2 places" in note for note in prepared.notes)
    assert len(prepare(config.load(None, tables | {"data.reciprocity": False})).observed) == 11
