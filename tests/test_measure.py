"""One set of numbers for a run, wherever it is shown; a bad end is said in words and by the exit code."""

from __future__ import annotations

import csv
import html
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import typer
from command_line import seisinv, survey, synthetic
from test_report import fabricate

import seisinv as si
from seisinv import io
from seisinv.cli import app
from seisinv.cli.ends import EXIT_CODES
from seisinv.core import ConfigError
from seisinv.jobs.check import Failure
from seisinv.jobs.tomography import Made
from seisinv.report.measure import headlines, measure
from seisinv.report.start import faults
from seisinv.runs import read_run
from seisinv.traveltime import Picks, Tomogram
from seisinv.traveltime.tomography import Fit as TomographyFit

JOB = """
data.path = "line.sgy"
data.held_out = 3
start.vp = 1700.0
grid.spacing = 25
grid.depth = 600
inversion.bands = [3, 4]
inversion.iterations = 2
run.directory = "out"
run.threads = 1
run.truth = "truth.npz"
"""
KINDS = {
    "waveforms": ("--misfit", "correlation", "--water", "100"),
    "reconstruction": ("--set", "inversion.method=reconstruction", "--set", "reconstruction.max_error=0.5"),
    "ensemble": ("--members", "2"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_terminal_report_and_comparison_say_the_same(tmp_path: Path, kind: str) -> None:
    io.write_segy(tmp_path / "line.sgy", synthetic(survey(4)))
    grid = si.Grid((25, 61), 25.0, (0.0, -250.0))
    io.write_model(tmp_path / "truth.npz", si.Model(grid, vp=np.full(grid.shape, 1640.0, np.float32)))
    (tmp_path / "job.toml").write_text(JOB)
    code, said, message = seisinv("invert", tmp_path / "job.toml", *KINDS[kind], "--quiet")
    run = read_run(tmp_path / "out")
    m, cards = measure(run), headlines(run)
    assert code == (3 if m.faults else 0), message
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    code, table, message = seisinv("compare", tmp_path / "out", "-d", tmp_path / "compared", "--quiet")
    assert code == (3 if m.faults else 0), message
    page = (tmp_path / "compared" / "comparison.html").read_text(encoding="utf-8")
    titles = [card.title for card in cards]
    for title in ("P velocity error (RMSE)", "Misfit left", "Energy not explained", "Hold-out misfit left", "Work"):
        assert title in titles
    for card in cards:
        assert str(card) in said.splitlines()
        assert f"<b>{card.title}</b><strong>{html.escape(card.value)}</strong><span>{html.escape(card.note)}" in report
        assert html.escape(str(card)) in page
    for fault in m.faults:
        assert fault in said.splitlines()[0]
        assert fault in table.splitlines()[0]
        assert html.escape(fault) in report
        assert html.escape(fault) in page

    # The table measures alike, with numbers of its own making.
    with open(tmp_path / "compared" / "comparison.csv", encoding="utf-8", newline="") as file:
        row = list(csv.DictReader(file))[-1]
    assert m.unexplained is not None
    assert float(row["data_misfit"]) == m.unexplained.end
    assert float(row["model_rmse"]) == m.errors["vp"].end
    assert (float(row["cost_solves"]), float(row["cost_seconds"])) == (m.solves, m.seconds)
    assert run.cost is not None
    assert m.solves == run.cost.solves >= run.history[-1]["solves"]
    assert any(c.endswith(f"{m.errors['vp'].end:,.1f}") for c in table.split()), "the error of all cells is shown"


def test_the_misfit_is_the_inverted_one_of_the_starting_model(tmp_path: Path) -> None:
    """In the last band, and to the bit that of the history where there is one band only."""
    io.write_segy(tmp_path / "line.sgy", synthetic(survey()))
    flags = ("--start", "1700", "--bands", "6", "--iterations", "2", "--spacing", "25", "--depth", "600", "--quiet")
    for misfit in ("correlation", "huber"):
        seisinv("invert", tmp_path / "line.sgy", "-d", tmp_path / misfit, *flags, "--misfit", misfit)
        run = read_run(tmp_path / misfit)
        m = measure(run)
        assert m.misfit is not None
        assert (m.misfit.start, m.misfit.end) == (run.history[0]["misfit"], run.history[-1]["misfit"])
        assert not m.misfit.is_worse


def worse(directory: Path) -> Path:
    """A run whose result is further from the truth than its start."""
    fabricate(directory)
    with np.load(directory / "start.npz") as kept:
        arrays = dict(kept)
    np.savez(directory / "model.npz", **{**arrays, "vp": arrays["vp"] - 500})
    return directory


@dataclass
class Line:
    problem: str | None
    line: None = None


class Wave:
    def __init__(self, error: float) -> None:
        self.errors = {"equation": np.array([error])}


# By command: what is typed, what does the work, and what that returns: with a good end, and with a bad one where the
# command checks its result.
COMMANDS: dict[str, tuple[list[str], str, Any, Any]] = {
    "invert": (["invert", "--resume", "RUN"], "seisinv.jobs.invert.invert", Path("page"), Path("page")),
    "demo": (["demo", "-d", "RUN"], "seisinv.jobs.demo.run_demo", Path("page"), Path("page")),
    "report": (["report", "RUN"], "seisinv.report.write_report", Path("page"), Path("page")),
    "compare": (["compare", "RUN", "-d", "RUN/compared"], "seisinv.compare.page.write_files", "", ""),
    "check": (["check", "x.sgy"], "seisinv.jobs.check.check_job", ["fine"], ["fine", Failure("too coarse")]),
    "forward": (["forward", "x.npz"], "seisinv.jobs.forward.model_survey", ("x", []), ("x", ["no waves"])),
    "start": (
        ["start", "x.sgy"], "seisinv.jobs.start.make_start",
        Made(Path("x"), [], kept=True), Made(Path("x"), ["no fit"], kept=False),
    ),
    "geometry": (
        ["geometry", "x.sgy"], "seisinv.io.open_line",
        SimpleNamespace(notes=(), rows=(), survey=SimpleNamespace(shots=(), reaches=np.zeros((0, 0)))), None,
    ),
    "info": (["info", "x.sgy"], "seisinv.io.describe", Line(None), Line("no geometry")),
    "train pinn": (
        ["train", "pinn", "MODEL", "--duration", "1", "--width", "50"],
        "seisinv.jobs.wavefield.fit", Wave(0.1), Wave(1.2),
    ),
    "train prior": (["train", "prior", "-d", "NEW"], "seisinv.priors.learned.train", 30.0, 20.0),
    "kernels": (["kernels"], "seisinv.backends.source", "code", None),
    "data list": (["data", "list"], "seisinv.io.download.data_folder", Path("absent"), None),
    "data fetch": (["data", "fetch", "marmousi2"], "seisinv.io.fetch", "file", None),
}  # fmt: skip


def all_commands(group: Any = None, above: str = "") -> list[str]:
    commands = (typer.main.get_command(app) if group is None else group).commands
    names: list[str] = []
    for name, command in commands.items():
        names += all_commands(command, f"{name} ") if hasattr(command, "commands") else [above + name]
    return names


def test_every_command_is_in_the_table() -> None:
    assert set(all_commands()) == set(COMMANDS)


@pytest.mark.parametrize("end", [0, 1, 2, 3, 130])
@pytest.mark.parametrize("name", COMMANDS)
def test_exit_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, end: int) -> None:
    args, target, good, bad = COMMANDS[name]
    if end == 3 and bad is None:
        pytest.skip("nothing to check")
    run = (worse if end == 3 else fabricate)(tmp_path / "run")
    (run / "run.toml").write_text("[run]\nseed = 1\n")
    model = si.Model(si.Grid((5, 5), 10.0), vp=2000.0)
    io.write_model(tmp_path / "vp.npz", model)
    found = bad if end == 3 else good
    if name == "train prior":
        trained = {"trained_on": {"seconds": 1, "device": "cpu"}, "sha256": ""}
        card = {"history": [{"psnr_0.1": found, "step": 1}], **trained}
        monkeypatch.setattr("seisinv.priors.learned.load", lambda path: (None, card))
        found = tmp_path / "weights"
    monkeypatch.setattr("seisinv.jobs.wavefield.write", lambda *_, **__: tmp_path / "picture")
    monkeypatch.setattr("seisinv.io.info_text", str)
    raised = {1: ValueError("ours"), 2: ConfigError("dt is 0"), 130: KeyboardInterrupt()}.get(end)

    def work(*_: object, **__: object) -> Any:
        if raised is not None:
            raise raised
        return found

    monkeypatch.setattr(target, work)
    places = {"RUN": run, "MODEL": tmp_path / "vp.npz", "NEW": tmp_path / "new"}
    typed = [str(places.get(a, a)).replace("RUN", str(run)) for a in args]
    code, out, err = seisinv(*typed)
    assert code == end, err
    if end == 3 and name in ("invert", "demo", "report", "compare"):
        assert "ended badly: its P velocity error ended at 5" in out.splitlines()[0]


def test_a_fit_of_first_breaks_is_checked() -> None:
    grid, times = si.Grid((3, 3), 100.0), np.zeros((1, 1))
    model = si.Model(grid, vp=2000.0)
    picks = Picks(survey(), times, times, period=0.1)
    for rms, words in ((0.01, []), (0.03, ["was 20.0 ms in the gradient"]), (0.06, ["was 20.0 ms", "half a period"])):
        steps = (TomographyFit(0, "gradient", 0.02, 1.0), TomographyFit(1, "smooth", rms, 1.0))
        found = faults(picks, Tomogram(model, model, (2000.0, 0.0), times, times, 0.0, np.ones(grid.shape), steps))
        assert len(found) == len(words)
        assert all(word in fault for word, fault in zip(words, found, strict=True))


def test_the_help_says_what_exit_codes_mean() -> None:
    words = " ".join(seisinv("--help")[1].split())
    assert all(f"{code} {' '.join(EXIT_CODES[code].split()[:2])}" in words for code in EXIT_CODES)
