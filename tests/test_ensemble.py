"""Ensembles: what is random in them, what is kept, and whether their intervals mean what they say."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from inversion_toy import crosshole

from seisinv.core import ConfigError, Grid, Model, RunError
from seisinv.inversion import LBFGS, Ensemble, Inversion, calibrate, invert, run_ensemble
from seisinv.inversion.ensemble import random_phases
from seisinv.priors import Tikhonov
from seisinv.runs import read_ensemble
from seisinv.signal import Window
from seisinv.unknowns import Bounded

GRID = Grid((30, 40), 10.0)


def gaussian(members: int, seed: int, *, spread: float = 100.0, narrow: float = 1.0) -> tuple[Ensemble, Model]:
    """Members and truth from one normal distribution; `narrow` makes the members claim too little spread."""
    random = np.random.default_rng(seed)
    centre = 3000 + spread * random.standard_normal(GRID.shape)
    draws = centre + narrow * spread * random.standard_normal((members, *GRID.shape))
    truth = Model(GRID, vp=torch.from_numpy(centre + spread * random.standard_normal(GRID.shape)))
    return Ensemble([Model(GRID, vp=torch.from_numpy(d)) for d in draws]), truth


def noisy_problem() -> Inversion:
    rays, truth, start = crosshole()
    observed = rays(truth)
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal(observed.data.shape))
    data = observed.data + 0.1 * observed.data.std() * noise
    return Inversion(
        propagator=rays,
        observed=observed.replace(data=data),
        unknown=Bounded(start, vp=(1500, 3000)),
        penalty=Tikhonov(0.1),
    )


def test_members_are_reproducible_and_differ():
    first, again = (run_ensemble(noisy_problem(), LBFGS(3), members=3, seed=5) for _ in range(2))
    for a, b in zip(first.members, again.members, strict=True):
        assert torch.equal(a.vp, b.vp)
    assert not torch.equal(first.members[1].vp, first.members[2].vp)
    plain = invert(noisy_problem(), LBFGS(3), seed=5)
    assert torch.equal(first.members[0].vp, plain.model.vp)


def test_stopped_ensemble_goes_on_with_the_same_bits(tmp_path):
    whole = run_ensemble(noisy_problem(), LBFGS(3), members=3, run_directory=tmp_path / "whole")
    run_ensemble(noisy_problem(), LBFGS(3), members=2, run_directory=tmp_path / "cut")
    with pytest.raises(RunError, match="already holds a run"):
        run_ensemble(noisy_problem(), LBFGS(3), members=3, run_directory=tmp_path / "cut")
    cut = run_ensemble(noisy_problem(), LBFGS(3), members=3, run_directory=tmp_path / "cut", resume=True)
    for a, b in zip(whole.members, cut.members, strict=True):
        assert torch.equal(a.vp, b.vp)
    names = ["ensemble.npz", "model.npz", "members/01/model.npz", "members/02/model.npz"]
    for name in names:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes(), name


def test_stopped_at_any_file_it_goes_on_with_the_same_bits(tmp_path, monkeypatch):
    """A killed process stops before or after a file takes its name, never within."""

    def run(folder: str, *, resume: bool = False) -> bytes:
        run_ensemble(noisy_problem(), LBFGS(1), members=2, run_directory=tmp_path / folder, resume=resume, seed=3)
        return (tmp_path / folder / "ensemble.npz").read_bytes()

    rename, count, stop = os.replace, 0, -1

    def stopping(*names: str) -> None:
        nonlocal count
        count += 1
        if count == stop:
            raise KeyboardInterrupt
        rename(*names)

    monkeypatch.setattr(os, "replace", stopping)
    whole = run("whole")
    files = count
    assert files > 15
    for stop in range(1, files + 1, 2):
        count = 0
        with pytest.raises(KeyboardInterrupt):
            run(f"cut {stop}")
        count = -(10**6)
        assert run(f"cut {stop}", resume=True) == whole, stop
        assert not list((tmp_path / f"cut {stop}").rglob("*.part"))


def test_a_run_that_is_there_becomes_the_first_member(tmp_path):
    problem, told = noisy_problem(), []
    first = invert(problem, LBFGS(2), run_directory=tmp_path / "run", seed=5)
    ensemble = run_ensemble(
        noisy_problem(), LBFGS(2), members=3, run_directory=tmp_path / "run", seed=5, first=first, progress=told.append
    )
    assert {(e.member, e.members) for e in told} == {(2, 3), (3, 3)}
    assert [p.name for p in sorted((tmp_path / "run" / "members").iterdir())] == ["01", "02"]
    again = run_ensemble(noisy_problem(), LBFGS(2), members=3, seed=5, progress=told.append)
    for a, b in zip(ensemble.members, again.members, strict=True):
        assert torch.equal(a.vp, b.vp)
    left = [e.eta for e in told if e.eta is not None]
    assert min(left) >= 0


def test_what_is_kept_says_the_same(tmp_path):
    ensemble = run_ensemble(noisy_problem(), LBFGS(2), members=3, run_directory=tmp_path, calibration=1.5, level=0.8)
    kept = read_ensemble(tmp_path)
    assert (kept.size, kept.seeds, kept.calibration, kept.level) == (3, [0, 1, 2], 1.5, 0.8)
    assert kept.mean.grid == ensemble.mean.grid
    assert torch.equal(kept.mean.vp, ensemble.mean.vp)
    for mine, theirs in zip(kept.interval(), ensemble.interval(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(ensemble.interval()[0], ensemble.interval(0.8)[0])
    truth = crosshole()[1]
    assert kept.coverage(truth) == ensemble.coverage(truth)
    assert kept.spread_error_correlation(truth) == ensemble.spread_error_correlation(truth)
    assert np.isnan(kept.spread_error_correlation(kept.mean))
    (tmp_path / "ensemble.npz").write_bytes(b"PK not an archive")
    with pytest.raises(RunError, match="is damaged"):
        read_ensemble(tmp_path)
    with pytest.raises(RunError, match="is not there"):
        read_ensemble(tmp_path / "nowhere.npz")


def test_what_the_window_mutes_is_no_noise():
    """A loud wave that is muted because nothing explains it must not be spread over the whole trace."""
    problem = replace(noisy_problem(), window=Window(time=(-1.0, 0.2), taper=0.01))
    data = problem.observed.data.clone()
    data[..., -20:] = 1e3
    loud = replace(problem, observed=problem.observed.replace(data=data))
    a, b = (run_ensemble(p, LBFGS(2), members=2).std() for p in (problem, loud))
    np.testing.assert_array_equal(a, b)


def test_phases_are_random_and_amplitudes_are_kept():
    random = np.random.default_rng(0)
    for samples in (64, 65):
        data = random.standard_normal((3, 4, samples))
        noise = random_phases(data, np.random.default_rng(1))
        # To rounding of a transform of 65 samples.
        np.testing.assert_allclose(np.abs(np.fft.rfft(noise)), np.abs(np.fft.rfft(data)), atol=1e-12)
        assert abs(np.corrcoef(noise.ravel(), data.ravel())[0, 1]) < 0.2


def test_calibration_makes_narrow_intervals_honest():
    others = [gaussian(8, seed, narrow=0.3) for seed in (1, 2)]
    factor = calibrate([e for e, _ in others], [t for _, t in others])
    ensemble, truth = gaussian(8, 3, narrow=0.3)
    assert ensemble.coverage(truth) < 0.6
    # Binomial scatter of 1200 cells is 0.9 %, that of the factor from 2400 cells less.
    assert Ensemble(ensemble.members, factor).coverage(truth) == pytest.approx(0.9, abs=0.03)


def test_spread_and_error_correlate_where_both_vary():
    random = np.random.default_rng(0)
    spread = np.exp(random.standard_normal(GRID.shape)) * 50
    draws = 3000 + spread * random.standard_normal((10, *GRID.shape))
    truth = Model(GRID, vp=torch.from_numpy(3000 + spread * random.standard_normal(GRID.shape)))
    ensemble = Ensemble([Model(GRID, vp=torch.from_numpy(d)) for d in draws])
    assert 0.3 < ensemble.spread_error_correlation(truth) < 1
    half = np.arange(GRID.shape[0]) < 15
    mask = np.broadcast_to(half[:, None], GRID.shape)
    assert 0 < ensemble.coverage(truth, mask=mask) < 1


def test_interval_is_around_the_mean():
    ensemble, _ = gaussian(4, 0)
    low, high = ensemble.interval(0.5)
    np.testing.assert_allclose((low + high) / 2, ensemble.mean.vp.numpy(), rtol=1e-12)
    wide = Ensemble(ensemble.members, calibration=2.0).interval(0.5)
    np.testing.assert_allclose(wide[1] - wide[0], 2 * (high - low), rtol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Ensemble([Model(GRID, vp=2000.0)]),
        lambda: Ensemble([Model(GRID, vp=2000.0)] * 3, calibration=0.0),
        lambda: gaussian(3, 0)[0].interval(90),
        lambda: gaussian(3, 0)[0].interval(0),
        lambda: Ensemble([Model(GRID, vp=2000.0)] * 3, level=90),
        lambda: run_ensemble(noisy_problem(), LBFGS(1), calibration=float("nan")),
        lambda: run_ensemble(noisy_problem(), LBFGS(1), members=1),
    ],
)
def test_nonsense_is_refused_in_one_line(make):
    with pytest.raises(ConfigError) as error:
        make()
    assert "\n" not in str(error.value)
