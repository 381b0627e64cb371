"""`seisinv compare` as a user meets it: one command, resumable, and clear about what cannot be compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import seisinv, survey, synthetic

from seisinv import io
from seisinv.core import Grid, Model
from seisinv.jobs import config, invert
from seisinv.jobs.compare import compare_job
from seisinv.jobs.prepared import Prepared
from seisinv.runs.directory import read_record
from seisinv.synthetic import ModellingRecipe

JOB = """
[data]
path = "line.sgy"
held_out = 3

[grid]
spacing = 25
depth = 600

[inversion]
bands = [6]
iterations = 3
budget = 30

[run]
directory = "out"
threads = 1

[[compare.run]]
name = "plain"

[[compare.run]]
name = "TV & more"
penalty.kind = "total_variation"
penalty.weight = 0.5
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    io.write_segy(tmp_path / "line.sgy", synthetic(survey(4)))
    (tmp_path / "job.toml").write_text(JOB)
    return tmp_path / "job.toml"


def refusal(*args: object) -> str:
    code, _, message = seisinv("compare", *args, "--quiet")
    assert code == 2, message
    assert len(message.strip().splitlines()) == 1, message
    return message


def test_a_job_is_compared_and_gone_on_with(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, started = invert.run, []

    def stopped(prepared: Prepared, directory: Path, **rest: object) -> Path:
        started.append(directory.name)
        if started == ["plain", "TV-more"]:
            raise KeyboardInterrupt
        return run(prepared, directory, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(invert, "run", stopped)
    code, _, message = seisinv("compare", job, "--quiet")
    assert code == 130
    assert "go on with the same command" in message
    code, text, message = seisinv("compare", job, "--quiet")
    assert code == 0, message
    assert started == ["plain", "TV-more", "TV-more"], "what is finished is not done again"
    out = job.parent / "out"
    tables = json.loads((out / "comparison.json").read_text())
    assert [r["name"] for r in tables["runs"]] == ["plain", "TV & more"]
    for run in tables["runs"]:
        assert run["card"]["model"] is None, "no truth, no model error"
        assert run["card"]["data"]["held_shots"] is not None
        assert run["card"]["cost"]["solves"] <= 30
    assert "hold-out shots" in text
    assert "report: " in text
    record = read_record(out / "TV-more" / "run.toml")
    assert (record["penalty"]["weight"], record["compare"]["run"]) == (0.5, [])
    assert record["job"]["shots"] == 3

    # The same runs by name, from elsewhere, with a truth.
    truth = job.parent / "truth.npz"
    grid = io.read_model(out / "plain" / "start.npz").grid
    io.write_model(truth, Model(grid, vp=np.full(grid.shape, 1900.0, np.float32)))
    args = (out / "plain", out / "TV-more", "--directory", job.parent / "again", "--truth", truth, "--quiet")
    code, text, message = seisinv("compare", *args)
    assert code == 3, message  # the data are not those of that truth
    again = json.loads((job.parent / "again" / "comparison.json").read_text())
    assert again["runs"][0]["card"]["model"]["rmse"] > 0
    assert again["runs"][0]["card"]["data"] == tables["runs"][0]["card"]["data"]
    assert "holds a comparison of other runs" in refusal(out / "plain", "-d", job.parent / "again")
    assert "named twice" in refusal(out / "plain", out / "plain")
    assert "--budget does not apply to finished runs" in refusal(out / "plain", "--budget", 5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("penalty.wieght = 1", "'TV & more': penalty.wieght is unknown; did you mean penalty.weight?"),
        ("data.every = 2", "has data.every = 2, the job has 1; runs over different data cannot be compared"),
        ("grid.depth = 700", "runs over different grids cannot be compared"),
        ("compare.split = 3", "holds compare; a run can change any other table"),
        ('misfit = "huber"', "misfit is unknown; did you mean inversion.misfit?"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_any_work(job: Path, change: str, words: str) -> None:
    job.write_text(JOB + change)
    assert words in refusal(job)
    assert not (job.parent / "out").exists()


PINN = """
[[compare.run]]
name = "PINN"
inversion.method = "pinn"
inversion.iterations = 2
inversion.budget = 30
pinn.bound = 0.5
pinn.frequencies = [3, 4]
"""


def test_pinn_inversion_is_a_run_like_any_other(job: Path) -> None:
    """Three shots, a wavelet that is estimated: six solves a check and a turn; the budget holds three turns."""
    job.write_text(JOB.split("[[compare.run]]")[0] + PINN)
    code, _, message = seisinv("compare", job, "--quiet")
    assert code == 0, message
    out = job.parent / "out"
    (run,) = json.loads((out / "comparison.json").read_text())["runs"]
    assert (run["card"]["cost"]["solves"], run["card"]["data"]["skipped"] is None) == (30, False)
    rows = [json.loads(line) for line in (out / "PINN" / "history.jsonl").read_text().splitlines()]
    assert [(r["band"], r["solves"]) for r in rows] == [(3.0, 6), (3.0, 12), (4.0, 24), (4.0, 30)]
    assert all(np.isfinite(r["misfit"]) for r in rows), "a receiver on a source is left out"
    assert (out / "PINN" / "report.html").exists()
    assert len(list((out / "PINN" / "models").glob("row-*.npz"))) == len(rows)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            "inversion.smooth = 50.0",
            "inversion.smooth is set, but inversion.method is 'reconstruction', which",
        ),
        ("pinn.frequencies = [4, 3]", "frequencies are [4.0, 3.0] Hz; they must be positive and increasing"),
        ("inversion.budget = 11", "3 shots at 2 frequencies need at least 24"),
        ('inversion.method = "fwi"', "[reconstruction] is set, but inversion.method is 'fwi'"),
        ("propagator.free_surface = true", "the propagator has a free surface"),
    ],
)
def test_what_pinn_inversion_does_not_use_is_refused(job: Path, change: str, words: str) -> None:
    key = change.split(" =")[0]
    kept = "".join(line for line in PINN.splitlines(keepends=True) if not line.startswith(key))
    job.write_text(JOB.split("[[compare.run]]")[0] + kept + change)
    assert words in refusal(job)
    assert not (job.parent / "out").exists()


def test_a_pinn_run_inherits_no_window_and_a_truth_is_read_before_any_work(job: Path) -> None:
    """TOML cannot unset what the job gives its other runs; what the run itself asks for is still refused."""
    plain = JOB.split("[[compare.run]]")[0]
    job.write_text(plain.replace("[run]", "[window]\ntime = [0.0, 1.0]\n\n[run]\ntruth = 'none.npz'") + PINN)
    assert "none.npz" in refusal(job)  # and not the window
    assert not (job.parent / "out").exists()
    job.write_text(plain + PINN + "window = { time = [0.0, 1.0] }")
    assert "window.time is set, but inversion.method is 'reconstruction'" in refusal(job)
    job.write_text(plain + PINN.replace('name = "PINN"', 'name = "Start"'))
    assert "rows of the table have that name already" in refusal(job)
    job.write_text(plain + "[compare]\nstarts = ['a.npz', 'b.npz']\n" + PINN + 'start.kind = "tomography"')
    assert "makes its own start" in refusal(job)
    job.write_text(plain + PINN.replace("pinn.bound = 0.5", "pinn.bound = 1e-6"))
    assert "'PINN': at 3 Hz the data of the basis differ from the simulator's by" in refusal(job)
    assert not (job.parent / "out").exists(), "what was refused can be mended"


def test_runs_need_names(job: Path) -> None:
    job.write_text(JOB.replace('name = "plain"', 'name = "TV & more"'))
    assert "'TV & more' has the same name" in refusal(job)
    job.write_text(JOB.replace('name = "plain"', ""))
    assert "compare.run 1 has no name" in refusal(job)
    job.write_text(JOB.split("[[compare.run]]")[0])
    assert "there is no [[compare.run]]" in refusal(job)
    assert "is not a run directory" in refusal(job.parent / "line.sgy")


def test_too_few_shots_to_keep_some_back(job: Path) -> None:
    assert "data.held_out is 9, but there are only 4 shots" in refusal(job, "--held-out", 9)


def test_modelled_files_say_how_they_were_made(tmp_path: Path) -> None:
    io.write_model(tmp_path / "vp.npz", Model(Grid((21, 31), 25.0), vp=2000.0))
    code, _, message = seisinv(
        "forward", tmp_path / "vp.npz", "-o", tmp_path / "made.sgy", "--peak", 5, "--duration", 0.2, "--source-every",
        400, "--receiver-every", 100, "--quiet",
    )  # fmt: skip
    assert code == 0, message
    recipe = ModellingRecipe.read(io.open_segy(tmp_path / "made.sgy").text)
    assert recipe is not None
    assert (recipe.spacing, recipe.order) == ((25.0, 25.0), 8)
    assert 0 < recipe.step <= 4e-3


def test_data_are_opened_once(job: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many runs a comparison has, and where a starting model is made from first breaks."""
    open_line, opened = io.open_line, []

    def counted(*args: Any, **kwargs: Any) -> Any:
        opened.append(args)
        return open_line(*args, **kwargs)

    monkeypatch.setattr(io, "open_line", counted)
    third = '\n[[compare.run]]\nname = "third"\nstart.kind = "tomography"\n'
    job.write_text(JOB.replace("iterations = 3", "iterations = 1") + third)
    compare_job(config.load(job))
    assert len(opened) == 1
    alone = {"start.kind": "tomography", "run.directory": str(job.parent / "alone"), "data.held_out": None}
    invert.invert(config.load(job, alone))
    assert len(opened) == 2
