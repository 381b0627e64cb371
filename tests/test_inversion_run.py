"""Runs: they converge, resume to the same bits, and refuse what they should."""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from inversion_toy import crosshole

from seisinv.core import ConfigError, DataError, RunError
from seisinv.inversion import LBFGS, Adam, EstimateWavelet, Inversion, invert, misfit_and_gradient
from seisinv.misfit import NormalisedCorrelation
from seisinv.priors import Tikhonov, TotalVariation
from seisinv.signal import Window
from seisinv.unknowns import Bounded

OPTIMIZERS = [LBFGS(iterations=4), Adam(iterations=4, rate=20.0)]
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=["LBFGS", "Adam"])
BANDS = (10.0, 20.0)


def problem(dtype=torch.float64, **options):
    simulate, truth, start = crosshole(dtype)
    settings = {"unknown": Bounded(start, vp=(1500, 2600)), "observed": simulate(truth), "batch_shots": 2}
    return Inversion(propagator=simulate, **(settings | options)), truth


class Stop(Exception):
    pass


def stopping(after: int):
    """Progress callback that raises at the n-th evaluation computed in this process."""
    left = [after]

    def progress(event):
        if not event.replayed:
            left[0] -= 1
            if left[0] < 0:
                raise Stop

    return progress


@every_optimizer
@pytest.mark.parametrize("smooth", [None, 20.0])
def test_misfit_and_model_error_fall(optimizer, smooth):
    inversion, truth = problem(smooth=smooth)
    result = invert(inversion, optimizer, bands=BANDS, truth=truth)
    first = [row for row in result.history if row["band"] == 10]
    assert first[-1]["misfit"] < 0.3 * first[0]["misfit"]
    assert result.history[-1]["model_rmse"] < 0.75 * result.history[0]["model_rmse"]
    assert [end.band for end in result.ends] == [10, 20]


@every_optimizer
@pytest.mark.parametrize("smooth", [None, 20.0])
def test_model_keeps_to_its_bounds_and_water_never_moves(optimizer, smooth):
    simulate, truth, start = crosshole()
    unknown = Bounded(start, vp=(1990, 2040))
    inversion = Inversion(propagator=simulate, observed=simulate(truth), unknown=unknown, smooth=smooth, water=45.0)
    vp = invert(inversion, optimizer).model.vp
    assert vp.min() >= 1990 * (1 - 1e-12)  # rounding of m / m̄ · m̄
    assert vp.max() <= 2040 * (1 + 1e-12)
    assert vp.max() > 2035
    assert torch.equal(vp[:5], start.vp[:5])


@every_optimizer
@pytest.mark.parametrize("stops", [[1], [3, 1, 2], [9, 5]])
def test_stopped_and_resumed_run_ends_with_the_same_bits(tmp_path, optimizer, stops):
    inversion, truth = problem(torch.float32, wavelet="estimate", smooth=15.0, penalty=Tikhonov(0.01))
    whole, cut = tmp_path / "whole", tmp_path / "cut"

    def run(directory, progress=None):
        return invert(
            inversion, optimizer, bands=BANDS, truth=truth, run_directory=directory, resume=True, progress=progress
        )

    wanted = run(whole)
    for n in stops:
        with pytest.raises(Stop):
            run(cut, stopping(n))
    result = run(cut)
    assert_same_run(whole, cut)
    assert torch.equal(result.model.vp, wanted.model.vp)
    assert len(list((cut / "evaluations").iterdir())) == len(list((whole / "evaluations").iterdir()))


def assert_same_run(whole: Path, cut: Path) -> None:
    rows = [[json.loads(line) for line in (d / "history.jsonl").read_text().splitlines()] for d in (whole, cut)]
    assert len(rows[0]) == len(rows[1])
    for left, right in zip(*rows, strict=True):
        assert {**left, "seconds": 0} == {**right, "seconds": 0}
    names = ["model.npz", "start.npz", "gathers.npz", *(f"models/{f.name}" for f in (whole / "models").iterdir())]
    for name in names:
        with np.load(whole / name) as a, np.load(cut / name) as b:
            assert set(a) == set(b)
            for key in a:
                assert a[key].tobytes() == b[key].tobytes(), f"{name}: {key}"


SCRIPT = """
import sys, time
sys.path[:0] = {paths!r}
from test_inversion_run import problem, BANDS
from seisinv.inversion import LBFGS, invert
def slowly(event):
    time.sleep(0.02)
if __name__ == "__main__":
    inversion, truth = problem(wavelet="estimate")
    options = dict(bands=BANDS, truth=truth, run_directory=sys.argv[1], resume=True, progress=slowly)
    invert(inversion, LBFGS(iterations=5), **options)
"""


def test_killed_and_resumed_run_ends_with_the_same_bits(tmp_path):
    script = tmp_path / "job.py"
    script.write_text(SCRIPT.format(paths=[str(Path(__file__).parent)]))
    inversion, truth = problem(wavelet="estimate")
    invert(inversion, LBFGS(iterations=5), bands=BANDS, truth=truth, run_directory=tmp_path / "whole")
    cut, kills, random = tmp_path / "cut", 0, np.random.default_rng(0)
    (cut / "start/figures").mkdir(parents=True)
    (cut / "start/figures/.model.png.1234.part").touch()  # of a process that was killed before
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    while kills < 3:
        child = subprocess.Popen([sys.executable, str(script), str(cut)], env=environment)
        seen = len(list(cut.glob("evaluations/*.npz")))
        while child.poll() is None and len(list(cut.glob("evaluations/*.npz"))) <= seen + kills:
            time.sleep(0.005)
        time.sleep(float(random.uniform(0, 0.05)))
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
        kills += 1
        assert child.wait() == -signal.SIGKILL, "the job ended before it was killed: make it longer"
    invert(inversion, LBFGS(iterations=5), bands=BANDS, truth=truth, run_directory=cut, resume=True)
    assert_same_run(tmp_path / "whole", cut)
    assert not list(cut.rglob("*.part"))


def test_run_directory_without_resume_is_refused(tmp_path):
    inversion, _ = problem()
    invert(inversion, LBFGS(1), run_directory=tmp_path / "run")
    with pytest.raises(RunError, match="already holds a run"):
        invert(inversion, LBFGS(1), run_directory=tmp_path / "run")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"penalty": TotalVariation(0.1)}, "penalty differs"),
        ({"misfit": NormalisedCorrelation()}, "misfit differs"),
        ({"smooth": 30.0}, "smooth differs"),
        ({"observed": "other"}, "data differs"),
        ({"unknown": Bounded(crosshole()[2], vp=(1500, 2700))}, "bounds, unknown differ"),
    ],
)
def test_run_directory_of_another_job_is_refused_and_left_alone(tmp_path, change, word):
    inversion, _ = problem()
    invert(inversion, LBFGS(1), run_directory=tmp_path)
    before = (tmp_path / "run.toml").read_bytes()
    if change.get("observed") == "other":
        data = inversion.observed
        change = {"observed": data.replace(data=data.data * 1.01)}
    other, _ = problem(**change)
    with pytest.raises(RunError, match=word):
        invert(other, LBFGS(1), run_directory=tmp_path, resume=True)
    assert (tmp_path / "run.toml").read_bytes() == before


def test_another_optimizer_or_bands_is_another_job(tmp_path):
    inversion, _ = problem()
    invert(inversion, LBFGS(1), run_directory=tmp_path)
    with pytest.raises(RunError, match="optimizer, bands differ"):
        invert(inversion, LBFGS(2), bands=[10], run_directory=tmp_path, resume=True)


def test_directory_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    inversion, _ = problem()
    with pytest.raises(RunError, match="cannot create the run directory") as caught:
        invert(inversion, LBFGS(1), run_directory=tmp_path / "file" / "run")
    assert "\n" not in str(caught.value)


def test_full_disk_is_one_line_and_resumes(tmp_path, monkeypatch):
    inversion, _ = problem()
    whole = invert(inversion, LBFGS(3), run_directory=tmp_path / "whole")
    replace, left = os.replace, [6]

    def full(source, target):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RunError, match="No space left on device"):
        invert(inversion, LBFGS(3), run_directory=tmp_path / "cut")
    assert not list((tmp_path / "cut").rglob("*.part"))
    monkeypatch.setattr(os, "replace", replace)
    again = invert(inversion, LBFGS(3), run_directory=tmp_path / "cut", resume=True)
    assert torch.equal(whole.model.vp, again.model.vp)


def test_nan_in_the_data_stops_with_one_line():
    inversion, _ = problem()
    data = inversion.observed.data.clone()
    data[0, 0, 3] = float("nan")
    broken, _ = problem(observed=inversion.observed.replace(data=data))
    with pytest.raises(DataError, match=r"shot 1 trace 1 holds 1 NaN"):
        invert(broken, LBFGS(2))


def test_grouping_of_shots_does_not_change_the_gradient():
    inversion, _ = problem()
    whole, _ = problem(batch_shots=100)
    model = inversion.unknown.start
    parts = [misfit_and_gradient(t) for t in inversion.tasks(model, wanted=["vp"])]
    (one,) = [misfit_and_gradient(t) for t in whole.tasks(model, wanted=["vp"])]
    assert sum(p.misfit for p in parts) == pytest.approx(one.misfit, rel=1e-13)
    np.testing.assert_allclose(sum(p.gradient["vp"] for p in parts), one.gradient["vp"], rtol=1e-10, atol=1e-25)


def test_shot_tasks_travel_by_pickle_and_give_the_same_bits():
    inversion, _ = problem(window=Window(offsets=(0, 250), time=(0.02, 0.25)))
    for task in inversion.tasks(inversion.unknown.start, wanted=["vp"]):
        here, there = misfit_and_gradient(task), misfit_and_gradient(pickle.loads(pickle.dumps(task)))
        assert here.misfit == there.misfit
        assert np.array_equal(here.gradient["vp"], there.gradient["vp"])
        pickle.loads(pickle.dumps(here))


@pytest.mark.parametrize("wavelet", ["known", "estimate", EstimateWavelet(per_shot=True)], ids=str)
def test_gradient_with_penalty_matches_finite_differences(wavelet):
    """The estimated wavelet follows the model, and the gradient knows it."""
    window = Window(time=(0.02, 0.2), taper=0.05)
    inversion, _ = problem(penalty=[Tikhonov(1.0), TotalVariation(0.5)], smooth=15.0, wavelet=wavelet, window=window)
    seen = []

    class Probe(LBFGS):
        def minimise(self, objective, space, accept):
            x = space.start
            _, g = objective(x)
            random = np.random.default_rng(0).standard_normal(x.size)
            for h in (1e-5, 1e-6):
                seen.append((objective(x + h * random)[0] - objective(x - h * random)[0]) / (2 * h))
            seen.append(float(g @ random))
            return "probed"

    invert(inversion, Probe(1), bands=[15.0])
    assert seen[1] == pytest.approx(seen[2], rel=1e-6)


def test_estimated_wavelet_is_the_true_one():
    simulate, truth, _ = crosshole()
    data = simulate(truth)
    inversion = Inversion(
        propagator=simulate,
        observed=data.replace(data=3e4 * data.data),
        unknown=Bounded(truth, vp=(1500, 2600)),
        wavelet=EstimateWavelet(damping=1e-6, length=0.3),
    )
    (wavelet,) = invert(inversion, LBFGS(1)).wavelets.values()
    true = 3e4 * simulate.survey.wavelet
    assert float((wavelet - true).norm() / true.norm()) < 0.02


def test_one_wavelet_per_shot_follows_the_shots():
    simulate, truth, _ = crosshole()
    data = simulate(truth)
    gains = torch.arange(1.0, len(data) + 1)
    inversion = Inversion(
        propagator=simulate,
        observed=data.replace(data=gains[:, None, None] * data.data),
        unknown=Bounded(truth, vp=(1500, 2600)),
        wavelet=EstimateWavelet(per_shot=True),
        batch_shots=2,
    )
    (wavelet,) = invert(inversion, LBFGS(1)).wavelets.values()
    peaks = wavelet[:, 0].abs().amax(-1)
    torch.testing.assert_close(peaks / peaks[0], gains.to(peaks.dtype), rtol=1e-6, atol=0)


def test_unknown_wavelet_and_other_records_are_refused():
    simulate, truth, start = crosshole()
    data = simulate(truth)
    silent = type(simulate)(simulate.grid, simulate.survey.with_wavelet(None))
    unknown = Bounded(start, vp=(1500, 2600))
    with pytest.raises(ConfigError, match="estimate"):
        Inversion(propagator=silent, observed=data, unknown=unknown)
    with pytest.raises(DataError, match="shots"):
        Inversion(propagator=simulate, observed=data[[0, 1]], unknown=unknown)


def test_history_file_says_what_the_result_says(tmp_path):
    inversion, truth = problem()
    result = invert(
        inversion, LBFGS(2), bands=BANDS, truth=truth, run_directory=tmp_path, configuration={"run": {"seed": 0}}
    )
    rows = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert rows == result.history
    assert [row["iteration"] for row in rows] == [0, 1, 2, 0, 1, 2]
    with np.load(tmp_path / "model.npz") as model, np.load(tmp_path / "models/band-020.00Hz.npz") as last:
        assert np.array_equal(model["vp"], result.model.vp)
        assert np.array_equal(last["vp"], result.model.vp)
    assert "[run]" in (tmp_path / "run.toml").read_text()


def test_events_report_every_evaluation():
    events = []
    inversion, _ = problem()
    invert(inversion, LBFGS(3), bands=BANDS, progress=events.append)
    done = [e for e in events if e.misfit is not None]
    assert [e.evaluations for e in done if e.band == 10] == list(range(1, 1 + sum(e.band == 10 for e in done)))
    assert done[-1].solves >= 2 * 6 * len(done)
    assert all(e.eta is not None for e in done)
