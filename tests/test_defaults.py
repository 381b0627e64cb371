"""What a job chooses by itself: wavelet, bands, grid, bounds, surface, budget; layers, near and watched traces."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from inversion_toy import crosshole

import seisinv as si
from seisinv.core import ConfigError
from seisinv.inversion import LBFGS, EstimateWavelet, Inversion, invert
from seisinv.inversion.state import search_plan
from seisinv.inversion.wavelet import described
from seisinv.jobs import config
from seisinv.jobs.choose import choose
from seisinv.jobs.data import open_data
from seisinv.jobs.prepare import prepare
from seisinv.jobs.prepared import problem_of
from seisinv.report.measure import measure
from seisinv.signal import Window
from seisinv.signal.processing import bands_of
from seisinv.signal.spectra import signal_band
from seisinv.unknowns import Bounded

GRID = si.Grid((24, 60), 10.0)


@cache
def _observed(free_surface: bool = False, shots: int = 4, depth: float = 10.0) -> tuple[si.Model, si.Model, si.Gathers]:
    """Return truth, starting model and data: water or rock with a gradient and a lens, Ricker of 15 Hz."""
    z, x = GRID.coordinates("z")[:, None], GRID.coordinates("x")[None]
    lens = 250 * np.exp(-(((z - 130) / 40) ** 2) - ((x - 300) / 80) ** 2)
    truth, start = (si.Model(GRID, vp=1700 + 2.0 * z + 0 * x + part) for part in (lens + 80 * np.sin(x / 70), 0 * x))
    survey = si.Survey.surface(
        sources=si.line(40, 560, every=520 / max(shots - 1, 1), depth=depth),
        receivers=si.line(0, 590, every=10, depth=10.0), wavelet=si.ricker(15), duration=0.6, dt=4e-3,
    )  # fmt: skip
    boundary = si.Boundary(20, free_surface=free_surface)
    simulate = si.Propagator(si.Acoustic(), GRID, survey, boundary=boundary, vp_max=2900)
    with torch.no_grad():
        return truth, start, simulate(truth)


def _files(folder: Path, start: si.Model | None = None, **how: object) -> dict[str, object]:
    """Write line.sgy and start.npz; return the settings that name them."""
    _, smooth, data = _observed(**how)  # type: ignore[arg-type]
    si.io.write_segy(folder / "line.sgy", data, overwrite=True)
    si.io.write_model(folder / "start.npz", start or smooth, overwrite=True)
    return {"data.path": [str(folder / "line.sgy")], "start.vp": str(folder / "start.npz")}


def _chosen(folder: Path, start: si.Model | None = None, **more: object):
    settings = config.load(None, {**_files(folder, start), **more})
    return choose(settings, open_data(settings))


def test_a_search_finds_the_wavelet_that_the_starting_model_spoils():
    """In the starting model the estimate is off; the search comes within a few per cent and leaves no model behind."""
    _, start, data = _observed()
    truth = data.survey.wavelet
    survey = data.survey.with_wavelet(None)
    problem = Inversion(
        propagator=si.Propagator(si.Acoustic(), GRID, survey, vp_max=2900), observed=data.replace(survey=survey),
        unknown=Bounded(start, vp=(1400, 2900)), wavelet=EstimateWavelet(length=0.3), window=Window(apart=25.0),
    )  # fmt: skip
    errors = {}
    for search in (2, 30):
        held = invert(replace(problem, wavelet=EstimateWavelet(length=0.3, search=search)), LBFGS(1), bands=[6, 15, 30])
        (wavelet,) = held.wavelets.values()
        errors[search] = float((wavelet - truth).norm() / truth.norm())
        assert torch.equal(held.start.vp, start.vp)
        assert held.history[0]["band"] == 6
    assert errors[30] < 0.08  # measured: 0.04
    assert errors[30] < 0.6 * errors[2]


def test_the_wavelet_is_held_through_all_bands_and_kept_with_its_error(tmp_path):
    simulate, truth, start = crosshole()
    problem = Inversion(
        propagator=simulate, observed=simulate(truth), unknown=Bounded(start, vp=(1500, 2600)), wavelet="estimate"
    )
    result = invert(problem, LBFGS(2), bands=[10, 20], run_directory=tmp_path)
    assert list(result.wavelets) == ["all"]
    with np.load(tmp_path / "wavelets.npz") as kept:
        assert np.array_equal(kept["all"], result.wavelets["all"])
        assert kept["spread"].shape == kept["all"].shape
        assert kept["spread"].max() > 0
    record = si.runs.read_run(tmp_path)
    assert list(record.wavelets) == ["all frequencies"]
    assert record.wavelet_spread is not None


def test_an_interrupted_search_ends_with_the_same_bits(tmp_path):
    simulate, truth, start = crosshole()
    problem = Inversion(
        propagator=simulate, observed=simulate(truth), unknown=Bounded(start, vp=(1500, 2600)), wavelet="estimate"
    )
    whole = invert(problem, LBFGS(2), bands=[10, 20], run_directory=tmp_path / "whole")
    evaluations = 0

    def stop(event):
        nonlocal evaluations
        evaluations += event.misfit is not None
        if evaluations == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        invert(problem, LBFGS(2), bands=[10, 20], run_directory=tmp_path / "cut", progress=stop)
    resumed = invert(problem, LBFGS(2), bands=[10, 20], run_directory=tmp_path / "cut", resume=True)
    assert torch.equal(whole.model.vp, resumed.model.vp)
    assert torch.equal(whole.wavelets["all"], resumed.wavelets["all"])
    assert whole.history == resumed.history or [r["misfit"] for r in whole.history] == [
        r["misfit"] for r in resumed.history
    ]


@pytest.mark.parametrize(("unmodelled", "left"), [(1e9, True), (0.0, False)])
def test_a_run_that_returns_its_start_says_so(tmp_path, unmodelled, left):
    simulate, truth, start = crosshole()
    problem = Inversion(
        propagator=simulate, observed=simulate(truth), unknown=Bounded(start, vp=(1500, 2600)),
        unmodelled=((100.0, unmodelled),),
    )  # fmt: skip
    invert(problem, LBFGS(2), bands=[10, 20], run_directory=tmp_path)
    faults = measure(si.runs.read_run(tmp_path)).faults
    assert [fault.partition(":")[0] for fault in faults] == ["it left the starting model as it is"] * left


def test_a_doubtful_wavelet_is_said_and_is_a_fault(tmp_path):
    """Shots of two sources of opposite polarity have no wavelet in common."""
    simulate, truth, start = crosshole()
    data = simulate(truth)
    signs = torch.tensor([1.0, -1.0] * len(data))[: len(data), None, None]
    problem = Inversion(
        propagator=simulate, observed=data.replace(data=data.data * signs), unknown=Bounded(start, vp=(1500, 2600)),
        wavelet="estimate",
    )  # fmt: skip
    invert(problem, LBFGS(1), bands=[20], run_directory=tmp_path)
    (fault,) = [f for f in measure(si.runs.read_run(tmp_path)).faults if "wavelet" in f]
    assert fault.startswith("it holds a doubtful wavelet: peak")
    assert "shots disagree" in fault


def test_a_budget_too_small_for_a_search_is_said(caplog):
    simulate, truth, start = crosshole()
    problem = Inversion(
        propagator=simulate, observed=simulate(truth), unknown=Bounded(start, vp=(1500, 2600)), wavelet="estimate"
    )
    result = invert(problem, LBFGS(2), bands=[20], budget=40)
    assert "too small to search the wavelet" in caplog.text
    assert result.solves <= 40


def test_the_search_is_longest_in_the_highest_band():
    plans = [search_plan(bands_of(list(range(1, n + 1)), 100)) for n in (1, 2, 3, 4, 7)]
    assert [[number for number, _ in plan] for plan in plans] == [[0], [0, 1], [1, 2], [1, 2, 3], [2, 4, 6]]
    for plan in plans:
        shares = [share for _, share in plan]
        assert sum(shares) == pytest.approx(1)
        assert shares == sorted(shares)


def test_a_wavelet_is_described_and_doubted():
    axis = si.TimeAxis(2e-3, 251)
    wavelet = si.ricker(15)(axis.times)
    told, doubtful = described({"wavelet": wavelet, "spread": 0.03 * wavelet}, axis)
    assert "peak 14.9 Hz" in told  # to a quarter of a Hz
    assert "3%" in told
    assert not doubtful
    assert described({"wavelet": wavelet, "spread": 0.3 * wavelet}, axis)[1]


def test_near_traces_do_not_count():
    survey = si.Survey.surface(
        sources=si.line(100, 100, every=1, depth=30), receivers=si.line(0, 200, every=20), wavelet=None,
        duration=0.1, dt=4e-3,
    )  # fmt: skip
    assert survey.distances[0, 5] == 30.0  # straight below
    assert Window(apart=30.0).traces(survey)[0, 5]
    assert (~Window(apart=36.5).traces(survey)[0]).nonzero().ravel().tolist() == [4, 5, 6]
    with pytest.raises(ConfigError, match="apart"):
        Window(apart=-1.0)


def test_layers_hold_a_mean_so_that_the_gradient_has_no_stripe():
    """The rows and columns at the edges, against those next to them; copies of the edge gave 3.6 to 10."""
    grid = si.Grid((61, 121), 5.0, (-50.0, 0.0))
    z = grid.coordinates("z")[:, None] + np.zeros(grid.shape)
    truth, start = (si.Model(grid, vp=(v + 2.0 * np.maximum(z, 0)).astype(np.float32)) for v in (1600, 1500))
    survey = si.Survey.surface(
        sources=si.line(100, 500, every=200), receivers=si.line(20, 580, every=20), wavelet=si.ricker(15),
        duration=0.6, dt=2e-3,
    )  # fmt: skip
    simulate = si.Propagator(si.Acoustic(), grid, survey, vp_max=3000)
    vp = start.vp.clone().requires_grad_()
    (simulate(si.Model(grid, vp=vp)).data - simulate(truth).data.detach()).square().sum().backward()
    rows, columns = vp.grad.abs().mean(1), vp.grad.abs().mean(0)
    for edge, following in ((rows[0], rows[1]), (rows[-1], rows[-2]), (columns[0], columns[1])):
        assert 0.5 < float(edge / following) < 1.5


def test_shots_of_a_survey_have_the_layers_of_the_survey():
    _, _, data = _observed()
    simulate = si.Propagator(si.Acoustic(), GRID, data.survey, vp_max=2900)
    assert simulate.boundary.averaged == {"top": 2, "bottom": 5, "left": 5, "right": 5}
    assert simulate.subset([0]).boundary == simulate.boundary
    one = si.Propagator(si.Acoustic(), GRID, data.survey, boundary=si.Boundary(averaged=1), vp_max=2900)
    extended = one.parameters(si.Model(GRID, vp=1500 + torch.arange(24.0)[:, None].expand(24, 60)))["vp"]
    assert set(extended[:20].unique().tolist()) == {1500.0}
    with pytest.raises(ConfigError, match="mean of 0 nodes"):
        si.Boundary(averaged=0)


def test_the_band_of_a_signal_is_told_from_noise():
    _, _, data = _observed()
    low, peak, high = signal_band(data)
    assert low < 0.3 * 15
    assert 0.6 * 15 < peak < 1.2 * 15
    assert 2 * 15 < high < 3.2 * 15
    random = np.random.default_rng(0)
    noise = torch.from_numpy(random.standard_normal(data.data.shape)).to(data.data)
    rms = float(data.data.square().mean().sqrt())
    noisy = signal_band(data.replace(data=data.data + 0.1 * rms * noise))
    assert noisy[2] < high


def test_the_grid_is_that_of_the_starting_model(tmp_path):
    chosen = _chosen(tmp_path)
    assert chosen.grid == GRID
    assert chosen.bands[0] < 0.5 * 15
    assert chosen.bands[-1] > 2 * 15
    assert any("starting model's" in note for note in chosen.notes)


@pytest.mark.parametrize(("spacing", "expected"), [(2.5, 10.0), (40.0, 10.0)], ids=["too fine", "too coarse"])
def test_a_grid_that_is_too_fine_or_too_coarse_is_changed_by_whole_numbers(tmp_path, spacing, expected):
    shape = tuple(int((n - 1) * 10 / spacing) + 1 for n in GRID.shape)
    z = np.arange(shape[0])[:, None] * spacing + np.zeros(shape)
    # The last node has to hold the last receiver.
    shape = (shape[0], shape[1] + 1)
    z = np.pad(z, ((0, 0), (0, 1)), mode="edge")
    chosen = _chosen(tmp_path, si.Model(si.Grid(shape, spacing), vp=1700 + 2 * z))
    assert chosen.grid.spacing[0] <= 1.3 * expected
    assert chosen.grid.spacing[0] >= 0.7 * expected
    ratio = max(chosen.grid.spacing[0], spacing) / min(chosen.grid.spacing[0], spacing)
    assert ratio == pytest.approx(round(ratio))


def test_a_given_spacing_and_depth_win_over_the_file(tmp_path):
    chosen = _chosen(tmp_path, **{"grid.spacing": 5.0, "grid.depth": 150.0})
    assert chosen.grid.spacing == (5.0, 5.0)
    assert chosen.grid.shape == (31, 119)


def test_bounds_come_from_the_starting_model(tmp_path):
    chosen = _chosen(tmp_path)
    assert chosen.inversion["bounds"] == {"vp": [1280.0, 3890.0]}
    assert _chosen(tmp_path, **{"inversion.bounds.vp": [1000.0, 4000.0]}).inversion.get("bounds") is None


def test_water_of_the_starting_model_is_kept(tmp_path):
    _, start, _ = _observed()
    vp = start.vp.numpy().copy()
    vp[:14] = 1500.0
    settings = config.load(None, _files(tmp_path, si.Model(GRID, vp=vp)))
    prepared = prepare(settings)
    assert prepared.settings.inversion.water == "layer"
    assert problem_of(prepared).water_cells[:, 7].tolist() == [True] * 10 + [False] * 14
    vp[8:] = start.vp.numpy()[8:]
    assert prepare(config.load(None, _files(tmp_path, si.Model(GRID, vp=vp)))).settings.inversion.water is None
    off = prepare(config.load(None, {**_files(tmp_path, si.Model(GRID, vp=vp)), "inversion.water": 0.0}))
    assert not problem_of(off).water_cells.any()


@pytest.mark.parametrize("free", [False, True], ids=["absorbing", "free"])
def test_the_data_say_whether_the_surface_is_free(tmp_path, free):
    prepared = prepare(config.load(None, _files(tmp_path, free_surface=free, depth=20.0)))
    assert prepared.settings.propagator.free_surface is free
    assert prepared.propagator.boundary.free_surface is free
    assert any(note.startswith(f"surface: {'free' if free else 'absorbing'}") for note in prepared.notes)


def test_effort_is_a_budget_unless_one_is_given(tmp_path):
    assert _chosen(tmp_path).inversion["budget"] == 2 * 300 * 4
    quick = _chosen(tmp_path, **{"inversion.effort": "quick"})
    assert quick.inversion["budget"] == 2 * 100 * 4
    assert "budget" not in _chosen(tmp_path, **{"inversion.iterations": 5}).inversion
    assert "budget" not in _chosen(tmp_path, **{"inversion.budget": 50}).inversion


def test_minutes_become_a_budget_that_a_resumed_run_keeps(tmp_path):
    settings = config.load(None, {**_files(tmp_path), "inversion.minutes": 0.05})
    prepared = prepare(settings)
    assert prepared.settings.inversion.budget > 0
    again = prepare(config.settings_from(prepared.tables))
    assert again.settings.inversion.budget == prepared.settings.inversion.budget


def test_what_is_chosen_is_complete(tmp_path):
    """What run.toml records leaves nothing to be chosen again."""
    prepared = prepare(config.load(None, _files(tmp_path)))
    again = prepare(config.settings_from(prepared.tables))
    assert again.settings == prepared.settings


def test_shots_are_watched_where_there_are_enough(tmp_path):
    assert _chosen(tmp_path).inversion["watched"] == 0
    many = tmp_path / "many"
    many.mkdir()
    settings = config.load(None, _files(many, shots=40))
    prepared = prepare(settings)
    assert problem_of(prepared).watched == [10, 30]
    assert len(problem_of(prepared).inverted) == 38


def test_a_band_ends_where_the_watched_shots_are_fitted_worse():
    """Data of which all but noise is explained at the start: descent fits noise, and the watched shots say so."""
    simulate, truth, _ = crosshole()
    clean = simulate(truth)
    noise = torch.from_numpy(np.random.default_rng(1).standard_normal(clean.data.shape))
    data = clean.replace(data=clean.data + 0.3 * clean.data.square().mean().sqrt() * noise)
    problem = Inversion(
        propagator=simulate, observed=data, unknown=Bounded(truth, vp=(1500, 2600)), watched=[2], illumination=False
    )
    result = invert(problem, LBFGS(60), bands=[40])
    assert "that are watched has risen" in result.ends[0].reason
    assert result.ends[0].iterations < 60
    blind = invert(replace(problem, watched=()), LBFGS(60), bands=[40])
    error = {name: float((r.model.vp - truth.vp).square().mean()) for name, r in (("s", result), ("b", blind))}
    assert error["s"] < error["b"]


def test_watched_shots_must_leave_some():
    simulate, truth, start = crosshole()
    with pytest.raises(ConfigError, match="watched"):
        Inversion(
            propagator=simulate, observed=simulate(truth), unknown=Bounded(start, vp=(1500, 2600)), watched=range(6)
        )


def test_lbfgs_ends_a_band_that_gains_little():
    simulate, truth, start = crosshole()
    problem = Inversion(propagator=simulate, observed=simulate(truth), unknown=Bounded(start, vp=(1500, 2600)))
    whole = invert(problem, LBFGS(60), bands=[20])
    misfits = np.array([row["misfit"] for row in whole.history])
    gains = 1 - misfits[10:] / misfits[:-10]
    share = float(np.sort(gains)[len(gains) // 2])
    slow = invert(problem, LBFGS(60, slow=share), bands=[20])
    assert "10 updates lowered" in slow.ends[0].reason
    assert slow.ends[0].iterations == 10 + int(np.argmax(gains < share))


def test_a_run_of_another_misfit_does_not_inherit_what_no_model_explains(tmp_path):
    settings = config.load(None, {**_files(tmp_path), "inversion.unmodelled": [[15.0, 0.01]]})
    prepared = prepare(settings)
    assert problem_of(prepared).unmodelled
    other = prepare(config.settings_from(config.merged(prepared.tables, {"inversion": {"misfit": "correlation"}})))
    assert not problem_of(other).unmodelled
