"""The demonstration: a seeded earth, honest inputs, and a run that a second call completes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from seisinv import io
from seisinv.core import Grid, RunError
from seisinv.jobs import demo
from seisinv.metrics import rmse
from seisinv.runs import read_run
from seisinv.synthetic import Seafloor
from seisinv.synthetic.seafloor import WATER


def test_earth_depends_on_the_seed_alone() -> None:
    coarse, fine = Grid((21, 61), 100.0), Grid((41, 121), 50.0)
    earth = Seafloor(seed=5)
    # Texture and layers are functions of position, so a finer grid sees the same earth.
    np.testing.assert_array_equal(earth.model(coarse).vp, earth.model(fine).vp[::2, ::2])
    assert not np.array_equal(earth.model(coarse).vp, Seafloor(seed=6).model(coarse).vp)


@pytest.mark.parametrize("seed", range(5))
def test_every_seed_gives_plausible_rock_within_the_bounds(seed: int) -> None:
    grid = Grid((81, 241), 25.0)
    earth = Seafloor(seed=seed)
    truth, start = earth.model(grid), earth.start(grid)
    assert float(truth.vp.min()) == WATER
    assert float(start.vp.min()) >= 1450
    assert max(float(truth.vp.max()), float(start.vp.max())) < 4300
    assert 60 < rmse(start, truth) < 300


def test_small_demo_ends_with_a_report_and_can_be_called_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = demo.JOB.replace("[3.0, 4.5, 6.5, 9.0]", "[3.0]").replace("iterations = 8", "iterations = 2")
    for name, value in {"FINE": 50.0, "FINE_ORDER": 4, "SPACING": 100.0, "DURATION": 1.2, "JOB": job}.items():
        monkeypatch.setattr(demo, name, value)
    run = tmp_path / "run"
    page = demo.run_demo(run, threads=1)
    assert page.is_file()
    line = io.open_segy(run / "input" / "line.sgy")
    assert len(line) == 16
    assert read_run(run).history[-1]["relative"] < 0.95
    before = (run / "model.npz").read_bytes()
    monkeypatch.setattr("seisinv.report.write_report", lambda directory: Path(directory) / "report.html")
    demo.run_demo(run, threads=1)
    assert (run / "model.npz").read_bytes() == before
    with pytest.raises(RunError, match="go on with seed=2"):
        demo.run_demo(run, seed=3)


def test_demo_keeps_out_of_other_peoples_directories(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("important")
    with pytest.raises(RunError, match=r"thesis\.txt"):
        demo.run_demo(tmp_path)
