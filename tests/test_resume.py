"""Resuming notices what has changed since: data, results, software, places; and only one process works in a run."""

from __future__ import annotations

import json
import logging
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import seisinv, survey, synthetic
from inversion_toy import crosshole
from test_inversion_run import Stop, assert_same_run, stopping

import seisinv as si
from seisinv import io
from seisinv.core import Gathers, RunError
from seisinv.inversion import EstimateWavelet, Inversion
from seisinv.runs import directory, read_run
from seisinv.runs.directory import RunDirectory, claimed
from seisinv.runs.fingerprint import changed_shots
from seisinv.unknowns import Bounded

BANDS = (10.0, 20.0)


def run(place: Path, *, observed: Gathers | None = None, after: int | None = None, **options: Any) -> None:
    """Invert, stopped after some evaluations, in a directory that may hold the beginning."""
    simulate, truth, start = crosshole()
    problem = Inversion(
        propagator=simulate,
        observed=simulate(truth) if observed is None else observed,
        unknown=Bounded(start, vp=(1500, 2600)),
        batch_shots=2,
        **options,
    )
    progress = None if after is None else stopping(after)
    si.invert(problem, si.LBFGS(3), bands=BANDS, truth=truth, run_directory=place, resume=True, progress=progress)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs") / "whole"
    run(place)
    return place


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    with pytest.raises(Stop):
        run(tmp_path / "cut", after=3)
    return tmp_path / "cut"


# Data


class Line:
    """Data in a file, of which the opening of a run looks at a few shots only."""

    def __init__(self, gathers: Gathers) -> None:
        self.gathers, self.survey = gathers, gathers.survey

    def __len__(self) -> int:
        return len(self.gathers)

    def __getitem__(self, shots: Any) -> Gathers:
        return self.gathers[shots]


@pytest.mark.parametrize("changed", ["value", "live"])
@pytest.mark.parametrize("stage", ["evaluation", "last wavelet"])
def test_data_that_changed_in_any_shot_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str, stage: str
) -> None:
    monkeypatch.setattr("seisinv.runs.fingerprint.SAMPLED_SHOTS", 3)  # of 6: 0, 2, 5
    simulate, truth, _ = crosshole()
    gathers = simulate(truth)
    whole = tmp_path / "cut"
    if stage == "evaluation":
        with pytest.raises(Stop):
            run(whole, observed=Line(gathers), after=3, wavelet=EstimateWavelet(search=0))
    else:
        run(whole, observed=Line(gathers), wavelet=EstimateWavelet(search=0))
        (whole / "evaluations/01-wavelet.npz").unlink()
    data, live = gathers.data.clone(), gathers.live.clone()
    if changed == "value":
        data[3, 4, 20] *= 1.001
    else:
        live[3, 4] = False
    before = sorted(p.name for p in (whole / "evaluations").iterdir())
    with pytest.raises(RunError, match=r"data of 1 of 6 shots have changed since the run began: shot 4 \(number 4\)"):
        run(whole, observed=Line(gathers.replace(data=data, live=live)), wavelet=EstimateWavelet(search=0))
    assert sorted(p.name for p in (whole / "evaluations").iterdir()) == before
    assert changed_shots(Line(gathers), whole) == []
    assert changed_shots(Line(gathers.replace(data=data, live=live)), whole) == [3]
    run(whole, observed=Line(gathers), wavelet=EstimateWavelet(search=0))


# Kept results


def resaved(file: Path, **changes: Any) -> None:
    with np.load(file) as archive:
        arrays = {**archive, **changes}
    np.savez(file, **{n: a for n, a in arrays.items() if a is not None})


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(bytes(content))


def of_another_run(file: Path) -> None:
    run(file.parents[2] / "other", smooth=30.0)
    shutil.copy(file.parents[2] / "other/evaluations" / file.name, file)


DAMAGES = {
    "cut in half": lambda f: f.write_bytes(f.read_bytes()[: f.stat().st_size // 2]),
    "empty": lambda f: f.write_bytes(b""),
    "garbage": lambda f: f.write_bytes(b"\x80\x04 not an archive" * 9),
    "a flipped bit": flipped,
    "no key": lambda f: resaved(f, key=None),
    "another key": lambda f: resaved(f, key=np.array("0" * 20)),
    "no misfit": lambda f: resaved(f, misfit=None),
    "another shape": lambda f: resaved(f, gradient=np.zeros(3)),
    "a NaN": lambda f: resaved(f, gradient=np.full((21, 21), np.nan)),
    "a NaN misfit": lambda f: resaved(f, misfit=np.array(np.nan)),
    "another misfit": lambda f: resaved(f, misfit=np.array(0.1)),
    "as before checks were kept": lambda f: resaved(f, mark=None),
    "the next one": lambda f: shutil.copy(f.with_name("00-00001.npz"), f),
    "of another run": of_another_run,
    "not an array": lambda f: np.savez(f, allow_pickle=True, gradient=np.array([{}], object)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_result_is_computed_again(
    stopped: Path, finished: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    DAMAGES[damage](stopped / "evaluations/00-00000.npz")
    caplog.clear()
    with caplog.at_level(logging.WARNING, "seisinv.run"):
        run(stopped)
    said = [r.getMessage() for r in caplog.records if r.name == "seisinv.run"]
    assert len(said) == 1, said
    assert "00-00000.npz" in said[0]
    assert "computed again" in said[0]
    assert "\n" not in said[0]
    assert "pickle" not in said[0]
    assert_same_run(finished, stopped)


@pytest.mark.parametrize("name", ["history.jsonl", "model.npz", "start.npz", "models/row-00000.npz"])
@pytest.mark.parametrize("damage", ["cut in half", "gone"])
def test_damaged_outputs_are_written_again(stopped: Path, finished: Path, name: str, damage: str) -> None:
    if damage == "gone" or name.startswith("models"):
        (stopped / name).unlink()
    else:
        DAMAGES[damage](stopped / name)
    run(stopped)
    assert_same_run(finished, stopped)


def test_a_damaged_cost_is_written_again(stopped: Path, finished: Path) -> None:
    run(stopped)
    (stopped / "cost.json").write_text('{"solves": "many"}')
    run(stopped)
    cost, whole = (read_run(place).cost for place in (stopped, finished))
    assert cost is not None
    assert whole is not None
    assert cost.solves == whole.solves


UNREADABLE = {
    "start.npz": {
        "no spacing": lambda f: resaved(f, spacing=None),
        "spacing of three": lambda f: resaved(f, spacing=np.ones(3)),
        "text as spacing": lambda f: resaved(f, spacing=np.array("ten")),
        "nothing": lambda f: np.savez(f),
        "a NaN": lambda f: resaved(f, vp=np.full((21, 21), np.nan)),
    },
    "gathers.npz": {
        "no dt": lambda f: resaved(f, dt=None),
        "dt of two": lambda f: resaved(f, dt=np.ones(2)),
        "other shapes": lambda f: resaved(f, observed=np.zeros((2, 2))),
        "a number": lambda f: resaved(f, live=np.array(1)),
    },
    "wavelets.npz": {
        "no dt": lambda f: np.savez(f, w=np.ones(3)),
        "nothing but dt": lambda f: np.savez(f, dt=0.1),
        "two lengths": lambda f: np.savez(f, dt=0.1, **{"3.00Hz": np.ones(3), "4.00Hz": np.ones(4)}),
        "a number": lambda f: np.savez(f, dt=0.1, a=np.array(1.0)),
    },
    "history.jsonl": {
        "latin": lambda f: f.write_bytes('{"band": "größer"}'.encode("latin-1")),
        "a list": lambda f: f.write_text("[1, 2]\n"),
        "no misfit": lambda f: f.write_text('{"band": 3, "iteration": 1, "solves": 1, "seconds": 1}\n'),
        "text": lambda f: f.write_text('{"band": 3, "iteration": 1, "solves": 1, "seconds": 1, "misfit": "x"}\n'),
        "brackets": lambda f: f.write_text("[" * 3000 + "]" * 3000),
        "NaN": lambda f: f.write_text(re.sub(r'"misfit": [^,]*', '"misfit": NaN', f.read_text())),
        "cut at a line": lambda f: f.write_text("\n".join(f.read_text().splitlines()[:-1]) + "\n"),
        "gone": lambda f: f.unlink(),
    },
    "model.npz": {"gone": lambda f: f.unlink(), "a folder": lambda f: (f.unlink(), f.mkdir())},
    "truth.npz": {"a folder": lambda f: (f.unlink(), f.mkdir())},
    "cost.json": {
        "text": lambda f: f.write_text(f.read_text().replace(": ", ': "x", "y": ', 1)),
        "a list": lambda f: f.write_text("[]"),
        "a word for a number": lambda f: f.write_text(json.dumps({**json.loads(f.read_text()), "solves": "many"})),
    },
    "run.toml": {
        "cut": lambda f: f.write_text(f.read_text()[:99] + ' = "'),
        "brackets": lambda f: f.write_text("a = " + "[" * 3000),
        "binary": lambda f: f.write_bytes(b"\xff\xfe\x00"),
        "empty": lambda f: f.write_text(""),
        "other versions": lambda f: f.write_text("versions = 3\n" + f.read_text().replace("[versions]", "[x]")),
    },
}


@pytest.mark.parametrize(("name", "damage"), [(n, d) for n, kinds in UNREADABLE.items() for d in kinds])
def test_a_file_that_cannot_be_read_is_named_in_one_line(
    finished: Path, tmp_path: Path, name: str, damage: str
) -> None:
    shutil.copytree(finished, tmp_path / "run")
    UNREADABLE[name][damage](tmp_path / "run" / name)
    with pytest.raises(RunError, match=name) as caught:
        read_run(tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert "internal" not in str(caught.value)


# Software


def written_by(place: Path, **versions: str) -> None:
    file = place / "run.toml"
    record = directory.read_record(file)
    RunDirectory(place).write_record({**record, "versions": {**record["versions"], **versions}})


def test_other_software_is_said_and_a_result_is_computed_again(
    stopped: Path, finished: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written_by(stopped, torch="1.0", kernels="0" * 20)
    with caplog.at_level(logging.WARNING, "seisinv.run"):
        run(stopped)
    (said,) = (r.getMessage() for r in caplog.records if r.name == "seisinv.run")
    assert f"torch 1.0, now {torch.__version__.split('+')[0]}" in said
    assert "kernels" in said
    assert_same_run(finished, stopped)


def test_other_software_with_other_numbers_is_refused(stopped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written_by(stopped, numpy="1.0")
    before = (stopped / "history.jsonl").read_bytes()
    monkeypatch.setattr(
        "seisinv.inversion.band_run.misfit_and_gradient",
        lambda task: one_bit_off(si.inversion.misfit_and_gradient(task)),
    )
    with pytest.raises(RunError, match=r"cannot be resumed to the same numbers: gradient of its result .*numpy 1\.0"):
        run(stopped)
    assert (stopped / "history.jsonl").read_bytes() == before


def one_bit_off(result: Any) -> Any:
    gradient = {n: np.nextafter(g, np.inf) for n, g in result.gradient.items()}
    return type(result)(result.misfit, gradient, result.seconds)


# Two processes

HOLD = """
import sys, time
from pathlib import Path
from seisinv.runs.directory import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_by_name(stopped: Path, finished: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(stopped)], stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    try:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunError, match=rf"in use by process {other.pid} on .* since 20"):
            run(stopped)
    finally:
        other.kill()
        other.wait()
    run(stopped)  # a killed process holds nothing
    assert_same_run(finished, stopped)
    assert not (stopped / directory.LOCK).exists()


def test_one_process_may_claim_twice(tmp_path: Path) -> None:
    with claimed(tmp_path / "run"), claimed(tmp_path / "run"):
        assert (tmp_path / "run" / directory.LOCK).exists()
    assert list((tmp_path / "run").iterdir()) == []


# Places


def test_moved_files_are_refused_with_the_flag_that_mends_it(tmp_path: Path) -> None:
    line, cut = tmp_path / "line.sgy", tmp_path / "run"
    io.write_segy(line, synthetic(survey()))
    options = ["--bands", "6", "--iterations", "1", "--spacing", "50", "--depth", "600", "--threads", "1", "--quiet"]
    code, _, err = seisinv("invert", line, "--start", "1700", "-d", cut, *options)
    assert code == 0, err
    kept = (cut / "model.npz").read_bytes()
    line.rename(tmp_path / "moved.sgy")
    code, _, err = seisinv("invert", "--resume", cut, "--quiet")
    assert code == 2
    assert "--set data.path=NEW" in err
    began = time.time()
    code, _, err = seisinv("invert", "--resume", cut, "--quiet", "--set", f"data.path={tmp_path / 'moved.sgy'}")
    assert code == 0, err
    assert (cut / "model.npz").read_bytes() == kept
    assert time.time() - began < 60
