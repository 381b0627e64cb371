"""The command line as a user meets it: results where they are promised, mistakes in one line with exit code 2."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import seisinv, survey, synthetic

import seisinv as si
from seisinv import io

GRID = si.Grid((25, 41), 25.0)
TINY = ["--bands", "6", "--iterations", "2", "--spacing", "25", "--depth", "600", "--threads", "1", "--quiet"]


@pytest.fixture
def line(tmp_path: Path) -> Path:
    path = tmp_path / "line.sgy"
    io.write_segy(path, synthetic(survey()))
    return path


def snapshot(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture
def refused(tmp_path: Path) -> Callable[..., str]:
    """Run a command that must be refused: exit code 2, one line on stderr, no file touched, none left."""

    def run(*args: object, words: tuple[str, ...]) -> str:
        before = snapshot(tmp_path)
        code, _, message = seisinv(*args)
        assert code == 2, message
        assert len(message.strip().splitlines()) == 1, message
        assert "Traceback" not in message
        for word in words:
            assert word in message, message
        assert snapshot(tmp_path) == before
        return message

    return run


def npz(path: Path, vp: np.ndarray | float) -> Path:
    values = np.broadcast_to(np.asarray(vp, dtype=np.float32), GRID.shape)
    np.savez(path, vp=values, spacing=np.array(GRID.spacing), origin=np.array(GRID.origin))
    return path


def test_invert_from_flags_leaves_model_figures_and_report(
    tmp_path: Path, line: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    code, out, err = seisinv("invert", line, "--start", "1700", "-d", run, *TINY)
    assert code == 0, err
    for name in ("run.toml", "history.jsonl", "model.npz", "model.sgy", "start.npz", "gathers.npz", "report.html"):
        assert (run / name).is_file(), name
    assert list((run / "figures").glob("*.png"))
    assert str(run / "report.html") in out
    assert io.read_model(run / "model.sgy").vp.min() >= 1275  # 0.75 × 1700 m/s
    assert not list(run.rglob("*.part"))
    before = (run / "model.npz").read_bytes()
    code, _, err = seisinv("report", run)
    assert code == 0, err

    # The page has been looked at; drawing it again and again only costs time.
    monkeypatch.setattr("seisinv.report.write_report", lambda directory: Path(directory) / "report.html")
    code, _, message = seisinv("invert", line, "--start", "1700", "-d", run, *TINY)
    assert code == 2
    assert f"seisinv invert --resume {run}" in message
    assert f"seisinv invert --resume {run}<" in (run / "report.html").read_text(encoding="utf-8")
    code, _, message = seisinv("invert", "--resume", run, "--iterations", "20")
    assert code == 2
    assert len(message.strip().splitlines()) == 1, message
    for word in ("optimizer differs", "cannot be extended", f"--start {run / 'model.sgy'}"):
        assert word in message
    code, _, message = seisinv("invert", line, "--start", "1900", "--resume", run, *TINY)
    assert code == 2
    assert "belongs to another job" in message
    assert (run / "model.npz").read_bytes() == before

    code, _, err = seisinv("invert", "--resume", run, "--quiet")
    assert code == 0, err
    assert (run / "model.npz").read_bytes() == before, "a finished run is replayed to the same bits"
    code, _, err = seisinv("invert", run / "run.toml", "-d", tmp_path / "again", "--quiet")
    assert code == 0, err
    assert (tmp_path / "again" / "model.npz").read_bytes() == before, "run.toml repeats the run"


def test_check_says_what_a_job_needs(line: Path) -> None:
    shaped = ("--vp-min", "1500", "--vp-max", "3000", "--depth", "600", "--iterations", "2", "--peak", "6")
    chosen = (*shaped, "--every", "2", "--misfit", "huber")
    code, out, err = seisinv("check", line, "--start", "1700", "--spacing", "25", "--bands", "4,8", *chosen)
    assert code == 3, err
    assert "check        failed: 39% of the traces are off by more than half a period in the first band" in out
    for word in (
        "Courant number",
        "points per shortest wavelength",
        "memory",
        "time",
        "half a period",
        "8 Hz",
        "3000 m/s",
    ):
        assert word in out, out


def test_forward_writes_a_survey_that_info_reads(tmp_path: Path) -> None:
    model, shots = npz(tmp_path / "vp.npz", 1800.0), tmp_path / "shots.sgy"
    code, _, err = seisinv(
        "forward", model, "-o", shots, "--duration", "0.5", "--source-every", "400", "--noise", "0.1", "--threads", "1"
    )
    assert code == 0, err
    picture = tmp_path / "info.png"
    code, out, err = seisinv("info", shots, "--plot", picture)
    assert code == 0, err
    assert "shots             3" in out
    assert picture.read_bytes().startswith(b"\x89PNG")
    code, _, err = seisinv("forward", model, "-o", shots, "--quiet")
    assert code == 2
    assert "--overwrite" in err


def test_kernels_prints_the_generated_code() -> None:
    code, out, err = seisinv("kernels", "acoustic", "--adjoint")
    assert code == 0, err
    assert "for (" in out
    code, _, err = seisinv("kernels", "acustic")
    assert code == 2
    assert "did you mean acoustic" in err


def test_version_and_usage() -> None:
    assert seisinv("--version")[:2] == (0, f"seisinv {si.__version__}\n")
    assert seisinv("invert", "--no-such-flag")[0] == 2
    assert seisinv("nonsense")[0] == 2


def test_velocities_in_km_per_second(tmp_path: Path, line: Path, refused: Callable[..., str]) -> None:
    start = npz(tmp_path / "vp.npz", 1.7)
    refused("invert", line, "--start", start, "-d", tmp_path / "run", *TINY, words=("1.7 m/s", "km/s"))
    refused("invert", line, "--start", "1.7", "-d", tmp_path / "run", *TINY, words=("1.7 m/s", "km/s"))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--bands", "8,4"), ("8, 4 Hz", "must rise")),
        (("--bands", "4,,6"), ("--bands '4,,6'", "--bands 3,5,8")),
        (("--vp-min", "3000", "--vp-max", "2000"), ("--vp-min is 3000", "--vp-max 2000")),
        (("--vp-max", "5.5"), ("--vp-max 5500",)),
        (("--vp-min", "1900"), ("outside its bounds", "1900", "change --vp-min")),
        (("--vp-max", "1600"), ("outside its bounds", "1600")),
        (("--water", "5000"), ("water mask covers the whole grid",)),
        (("--depth", "5"), ("--depth is 5 m", "--depth 225")),
        (("--start", "0"), ("start.vp is 0", "more than 0")),
        (("--start", "2.0"), ("--start 2000",)),
        (("--members", "0"), ("ensemble.members is 0", "1 or more")),
        (("--set", "ensemble.level=90"), ("ensemble.level is 90", "less than 1")),
        (("--v0", "1.6"), ("--v0 1600",)),
        (("--set", "wavelet.kind=file", "--set", "wavelet.path=w.txt"), ("w.txt is not found",)),
        (("--set", "inversion.bands=[[3, 5, 8]]"), ("inversion.bands", "at most 2")),
        (("--set", "grid.shape=[25, 21]", "--set", "grid.origin=[0, 0]"), ("outside the model", "grid.shape")),
    ],
)
def test_mistakes_are_refused_before_a_word_is_said(
    tmp_path: Path, line: Path, refused: Callable[..., str], flags: tuple[str, ...], words: tuple[str, ...]
) -> None:
    # The depth and the start model are chosen, which is said where nothing is wrong.
    shape = () if "--start" in flags or "--v0" in flags else ("--start", "1700")
    job = (line, *shape, "--spacing", "25", *(() if "--bands" in flags else ("--bands", "6")), *flags)
    assert "survey.inside" not in refused("invert", *job, "-d", tmp_path / "run", words=words)
    refused("check", *job, words=words)


def test_models_that_do_not_say_their_spacing(tmp_path: Path, line: Path, refused: Callable[..., str]) -> None:
    start, truth, shots = tmp_path / "vp.npy", tmp_path / "true.npy", tmp_path / "shots.sgy"
    np.save(start, np.full(GRID.shape, 1700.0, np.float32))
    np.save(truth, np.full(GRID.shape, 1720.0, np.float32))
    words = ("vp.npy", "--model-spacing METRES")
    refused("invert", line, "--start", start, "-d", tmp_path / "run", "--bands", "6", words=words)
    refused("check", line, "--start", start, "--bands", "6", words=words)
    refused("forward", start, "-o", shots, words=words)
    raw = tmp_path / "vp.bin"
    np.full(GRID.shape, 1700.0, np.float32).tofile(raw)
    refused("forward", raw, "-o", shots, words=("--set start.shape=", "start.layout"))

    short = ("--duration", "0.1", "--peak", "6", "--source-every", "900")
    code, _, err = seisinv("forward", start, "-o", shots, "--model-spacing", "25", *short, "--threads", "1")
    assert code == 0, err
    assert "points per shortest wavelength" not in err
    from seisinv.jobs import config, models

    settings = config.load(None, {"start.vp": str(start), "start.spacing": 25.0, "run.truth": str(truth)})
    assert models.read_truth(settings).grid == GRID
    assert float(models.read_truth(settings).vp.max()) == 1720


def test_forward_checks_the_sampling(tmp_path: Path, refused: Callable[..., str]) -> None:
    model, shots = npz(tmp_path / "vp.npz", 1700.0), tmp_path / "shots.sgy"
    refused(
        "forward", model, "-o", shots, "--dt", "0.05", words=("holds frequencies up to 10 Hz", "--dt 0.025", "--peak 4")
    )
    refused("forward", model, "-o", shots, "--peak", "20", words=("1.4 points", "--peak 6.8", "finer"))
    outside = ("--set", "forward.receivers.stop=5000", "--peak", "6")
    refused("forward", model, "-o", shots, *outside, words=("outside the model", "forward.receivers"))
    short = ("--duration", "0.1", "--peak", "8", "--source-every", "900", "--threads", "1")
    code, _, err = seisinv("forward", model, "-o", shots, *short)
    assert code == 0, err
    assert "3.4 points per shortest wavelength" in err


def test_paths_in_settings_hold_from_every_folder(
    tmp_path: Path, line: Path, monkeypatch: pytest.MonkeyPatch, refused: Callable[..., str]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savetxt("w.txt", si.ricker(6)(np.arange(100) * 4e-3))
    npz(tmp_path / "true.npz", 1720.0)
    given = ("--set", "wavelet.kind=file", "--set", "wavelet.path=w.txt", "--set", "run.truth=true.npz")
    tiny = [*TINY[:2], "--iterations", "1", *TINY[4:]]
    monkeypatch.setattr("seisinv.report.write_report", lambda directory: Path(directory) / "report.html")
    code, _, err = seisinv("invert", line.name, "--start", "1700", "-d", "run", *given, *tiny)
    assert code in (0, 3), err  # the data are not those of that truth
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again, _, err = seisinv("invert", "--resume", "../run", "--quiet")
    assert again == code, err


def test_nan_in_a_model(tmp_path: Path, line: Path, refused: Callable[..., str]) -> None:
    vp = np.full(GRID.shape, 1700.0)
    vp[3, 4] = np.nan
    start = npz(tmp_path / "vp.npz", vp)
    refused("invert", line, "--start", start, "-d", tmp_path / "run", *TINY, words=("1 NaN", "fill them"))


def test_start_outside_the_bounds(tmp_path: Path, line: Path, refused: Callable[..., str]) -> None:
    args = ("--start", "1700", "--vp-min", "1800", "-d", tmp_path / "run", *TINY)
    refused("invert", line, *args, words=("1700", "bounds", "1800"))


def test_receivers_outside_the_grid(tmp_path: Path, line: Path, refused: Callable[..., str]) -> None:
    shape = ("--set", "grid.shape=[25, 21]", "--set", "grid.origin=[0.0, 0.0]")
    refused(
        "invert", line, "--start", "1700", *shape, "-d", tmp_path / "run", *TINY, words=("receiver", "outside", "m")
    )


def test_all_shots_at_one_place(tmp_path: Path, refused: Callable[..., str]) -> None:
    path = tmp_path / "same.sgy"
    io.write_segy(path, synthetic(survey(same=500.0)))
    refused("invert", path, "-d", tmp_path / "run", *TINY, words=("at one place", "500", "source_x"))


def test_zero_traces(tmp_path: Path, line: Path, refused: Callable[..., str]) -> None:
    empty = tmp_path / "empty.sgy"
    empty.write_bytes(line.read_bytes()[:3600])
    for command in ("invert", "info", "check"):
        refused(command, empty, words=("empty.sgy", "trace"))


def test_all_traces_silent(tmp_path: Path, refused: Callable[..., str]) -> None:
    path = tmp_path / "silent.sgy"
    acquired = survey()
    io.write_segy(path, si.Gathers(torch.zeros(3, acquired.max_receivers, acquired.time.samples), acquired))
    refused("invert", path, "-d", tmp_path / "run", "--quiet", words=("no live trace",))


def test_truncated_file(tmp_path: Path, line: Path, refused: Callable[..., str]) -> None:
    cut = tmp_path / "cut.sgy"
    cut.write_bytes(line.read_bytes()[:-777])
    code, said, _ = seisinv("info", cut)
    assert code == 0
    assert "ends within a trace" in said
    half = tmp_path / "half.sgy"
    half.write_bytes(line.read_bytes()[:3900])
    refused("invert", half, "--start", "1700", "-d", tmp_path / "run", *TINY, words=("half.sgy", "bytes"))


def test_wrong_header_bytes(tmp_path: Path, line: Path, refused: Callable[..., str]) -> None:
    run = ("-d", tmp_path / "run", *TINY)
    refused("invert", line, "--header", "source_x=5000", *run, words=("source_x", "5000"))
    refused("invert", line, "--header", "sorce_x=73", *run, words=("sorce_x", "did you mean source_x?"))
    refused("invert", line, "--header", "source_x", *run, words=("FIELD=BYTE",))
    blank = ("--header", "source_x=201", "--header", "receiver_x=209")
    refused("invert", line, *blank, *run, words=("source_x",))


def test_missing_and_foreign_files(tmp_path: Path, refused: Callable[..., str]) -> None:
    refused("info", tmp_path / "none.sgy", words=("none.sgy",))
    text = tmp_path / "notes.sgy"
    text.write_text("not a SEG-Y file\n" * 500)
    refused("info", text, words=("text file",))
    refused("report", tmp_path, words=("no run.toml",))
    refused("invert", "--resume", tmp_path, words=("no run.toml",))
    refused("invert", tmp_path / "none.toml", words=("none.toml",))


def test_unstable_step_forced(tmp_path: Path, line: Path, refused: Callable[..., str]) -> None:
    forced = ("--set", "propagator.step=0.02")
    words = ("step", "20 ms", "limit", "leave step out")
    refused("invert", line, "--start", "1700", *forced, "-d", tmp_path / "run", *TINY, words=words)


def test_unknown_setting(line: Path, refused: Callable[..., str]) -> None:
    refused("check", line, "--set", "inversion.iteratons=5", words=("did you mean inversion.iterations?",))


def test_unwritable_directory(tmp_path: Path, line: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "taken").write_text("a file, not a directory")
    refused("invert", line, "--start", "1700", "-d", tmp_path / "taken", *TINY, words=("taken", "is a file"))
    refused("invert", line, "--start", "1700", "-d", tmp_path / "taken" / "run", *TINY, words=("taken", "directory"))
    refused("demo", "-d", tmp_path / "taken", words=("taken", "is a file"))


def test_results_without_a_run(tmp_path: Path, line: Path, refused: Callable[..., str]) -> None:
    npz(tmp_path / "model.npz", 1700.0)
    refused("invert", line, "-d", tmp_path, words=("holds results", "--directory"))


def test_disk_full(tmp_path: Path, line: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    run = tmp_path / "run"
    code, _, message = seisinv("invert", line, "--start", "1700", "-d", run, *TINY)
    assert code == 2
    assert "No space left" in message
    assert len(message.strip().splitlines()) == 1
    assert not [p for p in run.rglob("*") if p.is_file()], "nothing half-written may stay"


def test_members_say_how_certain_and_go_on_where_they_were_stopped(
    tmp_path: Path, line: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = [
        line,
        "--start",
        "1700",
        *TINY[:2],
        "--iterations",
        "1",
        *TINY[4:],
        "--truth",
        npz(tmp_path / "t.npz", 1300),
    ]
    whole, cut, alone = (tmp_path / name for name in ("whole", "cut", "alone"))
    code, out, err = seisinv("invert", *tiny, "-d", whole, "--members", "3")
    assert code == 0, err
    assert "P velocity uncertainty: ±" in out
    assert "Truth inside the 90% interval" in out
    assert "Uncertainty" in (whole / "report.html").read_text(encoding="utf-8")
    assert (whole / "figures" / "uncertainty-vp.png").is_file()
    assert sorted(p.name for p in (whole / "members").iterdir()) == ["01", "02"]
    with np.load(whole / "ensemble.npz") as kept:
        assert kept["seeds"].tolist() == [0, 1, 2]
        assert kept["vp_std"].max() > 0
        np.testing.assert_allclose(io.read_model(whole / "mean.sgy").vp, kept["vp"], rtol=1e-6)
    with pytest.raises(si.ModelError, match=r"std\.sgy: the file holds the standard deviation of vp"):
        io.read_model(whole / "std.sgy")

    monkeypatch.setattr("seisinv.report.write_report", lambda directory: Path(directory) / "report.html")
    from seisinv.inversion import band_run

    asked, gradient = 0, band_run.misfit_and_gradient

    def stopping(task: object) -> object:
        nonlocal asked
        asked += 1
        if asked in (1, 2, 4, 6):  # the first member at once, then in its update, the second and the third
            raise KeyboardInterrupt
        return gradient(task)  # type: ignore[arg-type]

    monkeypatch.setattr(band_run, "misfit_and_gradient", stopping)
    code, _, err = seisinv("invert", *tiny, "-d", cut, "--members", "3")
    for _ in range(3):
        assert code == 130, err
        assert f"seisinv invert --resume {cut}" in err
        assert not (cut / "ensemble.npz").exists()
        code, _, err = seisinv("invert", "--resume", cut, "--quiet")
    assert code == 130, err
    code, _, err = seisinv("invert", "--resume", cut, "--quiet")
    assert code == 0, err
    monkeypatch.undo()

    # A finished run takes more members, and remembers it.
    monkeypatch.setattr("seisinv.report.write_report", lambda directory: Path(directory) / "report.html")
    code, _, err = seisinv("invert", *tiny, "-d", alone)
    assert code == 0, err
    assert not (alone / "members").exists()
    for more in (("--members", "2"), ("--members", "3"), ()):
        code, _, err = seisinv("invert", "--resume", alone, *more, "--quiet")
        assert code == 0, err
    for name in ("model.npz", "ensemble.npz", "mean.sgy", "std.sgy", "members/02/model.npz"):
        for other in (cut, alone):
            assert (other / name).read_bytes() == (whole / name).read_bytes(), (other, name)


def test_the_progress_says_which_member(tmp_path: Path, line: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seisinv.report.write_report", lambda directory: Path(directory) / "report.html")
    tiny = [*TINY[:2], "--iterations", "1", *TINY[4:-1]]
    code, _, err = seisinv("invert", line, "--start", "1700", "-d", tmp_path / "run", *tiny, "--members", "2")
    assert code == 0, err
    for word in ("member 1 of 2, band up to 6 Hz (1 of 1), iteration 0 of 1", "member 2 of 2, band"):
        assert word in err


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_run_says_how_to_go_on_and_resumes(tmp_path: Path, line: Path, number: signal.Signals) -> None:
    run = tmp_path / "run"
    job = ["invert", str(line), "--start", "1700", "-d", str(run), "--bands", "6", "--iterations", "500"]
    grid = ["--spacing", "25", "--depth", "600", "--threads", "1", "--set", "inversion.tolerance=1e-300"]
    process = subprocess.Popen(
        [sys.executable, "-m", "seisinv.cli", *job, *grid],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # A shell's background jobs ignore the signal, and so would everything they start.
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None and not (run / "history.jsonl").exists():
        time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert f"seisinv invert --resume {run}" in err
    assert "Traceback" not in err
    assert not list(run.rglob("*.part"))


def test_members_alone_are_results(line: Path, tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "run" / "members").mkdir(parents=True)
    refused("invert", line, "--directory", tmp_path / "run", words=("holds results but no run.toml", "--directory"))


def test_a_density_that_is_set_is_that_of_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that holds one as well does not take its place."""
    from seisinv.jobs import config, forward

    models: list[si.Model] = []
    modelled = lambda simulate, model, executor: models.append(model) or simulate(model)  # noqa: E731
    monkeypatch.setattr(forward, "simulate_in_parts", modelled)
    io.write_model(tmp_path / "two.npz", si.Model(GRID, vp=1700.0, rho=2500.0))
    short = {"duration": 0.1, "peak": 6.0, "sources": {"every": 900.0}, "output": str(tmp_path / "shots.sgy")}
    for given, expected in ((2100.0, 2100.0), (None, 310 * 1700.0**0.25)):
        start = {"vp": str(tmp_path / "two.npz"), **({} if given is None else {"rho": given})}
        tables = {"start": start, "forward": short, "propagator": {"physics": "acoustic_density"}}
        forward.model_survey(config.settings_from(tables), overwrite=True)
        assert float(models[-1]["rho"].max()) == pytest.approx(expected, rel=1e-6)
