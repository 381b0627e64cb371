"""Comparisons: scores that mean what they say, one evaluator for all, and a self-contained page."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from inversion_toy import Rays, crosshole

import seisinv as si
from seisinv import compare, metrics, plot, synthetic
from seisinv.compare.page import verdict
from seisinv.core import ConfigError, RunError
from seisinv.jobs.compare import compare_runs
from seisinv.runs import RunDirectory, RunRecord

GRID = si.Grid((24, 40), 10.0)
BANDS = [15, 25]


def model(values: np.ndarray | float) -> si.Model:
    return si.Model(GRID, vp=torch.as_tensor(np.broadcast_to(2000.0 + np.asarray(values), GRID.shape).copy()))


def cosine(axis: int, k: int) -> np.ndarray:
    """A cosine of the transform, of wavenumber k / (2 n h) along an axis."""
    n = GRID.shape[axis]
    wave = np.cos(np.pi * k * (np.arange(n) + 0.5) / n)
    return wave[:, None] + np.zeros(GRID.shape) if axis == 0 else wave + np.zeros(GRID.shape)


def test_long_and_short_errors_add_up() -> None:
    error = 30 * np.random.default_rng(0).standard_normal(GRID.shape)
    mask = np.arange(GRID.shape[0])[:, None] + np.zeros(GRID.shape) > 5
    for m in (None, mask):
        low, high = metrics.parted_rmse(model(error), model(0.0), split=80.0, mask=m)
        whole = si.metrics.rmse(model(error), model(0.0), mask=m)
        assert np.hypot(low, high) == pytest.approx(whole, rel=1e-12)  # rounding


def test_a_wavelength_is_long_or_short() -> None:
    # k = 10 of 40 nodes of 10 m: a wavelength of 2 n h / k = 80 m.
    for split, long in ((79.0, True), (81.0, False)):
        low, high = metrics.parted_rmse(model(50 * cosine(1, 10)), model(0.0), split=split)
        assert (low > 35, high > 35) == (long, not long)
        assert min(low, high) < 1e-9


def test_coherence_falls_where_a_model_stops_to_resemble_the_truth() -> None:
    random = np.random.default_rng(1)
    truth = model(sum(20 * random.standard_normal() * cosine(a, k) for a in (0, 1) for k in range(1, GRID.shape[a])))
    # Half the wavenumbers are those of the truth, the others are turned round.
    values = np.asarray(truth.vp) - 2000.0
    from scipy.fft import dctn, idctn

    parts = dctn(values, norm="ortho")
    k = np.sqrt(sum(q**2 for q in np.meshgrid(*(np.arange(n) / (2 * n * 10.0) for n in GRID.shape), indexing="ij")))
    wrong = model(idctn(np.where(k < 0.025, parts, -parts), norm="ortho"))
    found = metrics.coherence(wrong, truth)
    assert found.half == pytest.approx(0.025, abs=0.005)  # the width of a ring
    same = metrics.coherence(truth, truth)
    assert same.half is None
    np.testing.assert_allclose(same.value, 1.0)
    assert [c.depth for c in metrics.by_depth(truth, truth)] == [(0.0, 70.0), (80.0, 150.0), (160.0, 230.0)]


def test_water_does_not_count_as_rock() -> None:
    water = np.arange(GRID.shape[0])[:, None] + np.zeros(GRID.shape) < 6
    wrong = model(np.where(water, 0.0, 40.0))
    truth = model(0.0).replace(vp=model(0.0).vp + torch.arange(24.0)[:, None])
    wrong = wrong.replace(vp=truth.vp + torch.as_tensor(np.where(water, 0.0, 40.0)))
    scores = compare.model_scores(wrong, truth, split=100.0, data_range=23.0, mask=~water)
    assert scores.rmse == pytest.approx(40.0)
    assert compare.model_scores(wrong, truth, split=100.0, data_range=23.0).rmse == pytest.approx(40 * np.sqrt(0.75))
    assert scores.psnr == pytest.approx(20 * np.log10(23 / 40))


def test_probability_has_wilsons_interval() -> None:
    found = compare.robustness("TV", [0.5] * 8 + [0.9] * 2, success=0.65)
    # Wilson (1927) for 8 of 10: (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n).
    assert (found.low, found.high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert (found.converged, found.median, found.worst) == (8, 0.5, 0.9)


def test_methods_are_compared_in_pairs() -> None:
    random = np.random.default_rng(0)
    hard = random.uniform(0.3, 0.9, 20)
    keys = [("", k) for k in range(20)]
    points = {
        "a": dict(zip(keys, hard, strict=True)),
        "b": dict(zip(keys, hard + random.normal(0.05, 0.02, 20), strict=True)),
        "c": dict(zip(keys, random.permutation(hard), strict=True)),
    }
    ab, ac, bc = compare.paired(points)
    assert ab.high is not None
    assert ab.high < 0, "a small but steady advantage is seen through the differences between starts"
    assert verdict(ab) == "a is better"
    assert verdict(ac) == "no significant difference"
    assert (bc.first, bc.second, bc.pairs) == ("b", "c", 20)
    (same,) = compare.paired({"a": {("", 0): 0.5}, "b": {("", 0): 0.4}})
    assert same.low is None
    assert verdict(same) == "no interval"


def test_recipe_travels_in_a_textual_header() -> None:
    recipe = synthetic.ModellingRecipe((12.5, 12.5), 10, 1.25e-3)
    assert len(recipe.text()) <= 76, "what a line of the header holds"
    assert synthetic.ModellingRecipe.read(("C01 SOMETHING", f"C12 {recipe.text()}")) == recipe
    assert synthetic.ModellingRecipe.read(("C01 SOMETHING",)) is None


@pytest.mark.parametrize(("change", "is_crime"), [({}, True), ({"order": 4}, False), ({"step": 7e-4}, False)])
def test_inverse_crime_is_said(change: dict[str, float], is_crime: bool) -> None:
    survey = si.Survey.surface(
        sources=si.line(100, 300, every=100, depth=20), receivers=si.line(0, 390, every=30, depth=20),
        wavelet=si.ricker(15), duration=0.2, dt=2e-3,
    )  # fmt: skip
    start = model(0.0)
    simulate = si.Propagator(si.Acoustic(), GRID, survey, vp_max=2600)
    zeros = si.Gathers(torch.zeros(3, survey.max_receivers, survey.time.samples), survey)
    problem = si.Inversion(propagator=simulate, observed=zeros, unknown=si.unknowns.Bounded(start, vp=(1500, 2600)))
    recipe = replace(synthetic.ModellingRecipe.of(simulate, start), **change)  # type: ignore[arg-type]
    said = synthetic.inverse_crime(recipe, problem.propagator, start)
    assert (said is not None) == is_crime
    if said:
        assert "Inverse crime" in said
        assert "10 m" in said.replace("10 × 10 m", "10 m")
    assert synthetic.inverse_crime(None, problem.propagator, start) is None


# ---- runs ----


def entries(wavelet: str = "known") -> tuple[dict[str, compare.Entry], si.Model, si.Gathers]:
    """Two methods on six shots, and two hold-out shots."""
    rays, truth, start = crosshole()
    every = rays(truth)
    kept = (1, 4)
    used = [k for k in range(len(rays.survey)) if k not in kept]
    simulate = rays.subset(used)
    observed = every[used]
    if wavelet == "estimate":
        simulate = Rays(simulate.grid, simulate.survey.with_wavelet(None))
        observed = observed.replace(survey=simulate.survey)
    problem = si.Inversion(
        propagator=simulate, observed=observed, unknown=si.unknowns.Bounded(start, vp=(1800, 2400)), wavelet=wavelet
    )
    smooth = replace(problem, penalty=si.priors.TotalVariation(0.05))
    optimizer = si.LBFGS(iterations=6)
    found = {"none": compare.Entry(problem, optimizer, BANDS), "TV": compare.Entry(smooth, optimizer, BANDS)}
    return found, truth, every[list(kept)]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[compare.Comparison, Path]:
    folder = tmp_path_factory.mktemp("compare") / "toy <b>"
    runs, truth, held = entries()
    found = compare.run(runs, folder, budget=100, seeds=(0, 1), truth=truth, held_out=held, success=0.9)
    return found, compare.write_comparison(found, folder)


def test_scores_hold_what_was_measured(done: tuple[compare.Comparison, Path]) -> None:
    found, _ = done
    start, truth = found.references
    assert [r.label.name for r in found.runs] == ["none, seed 0", "none, seed 1", "TV, seed 0", "TV, seed 1"]
    assert truth.scores.model is not None
    assert truth.scores.model.rmse == 0
    assert truth.scores.data is not None
    assert truth.scores.data.misfit < 1e-20, "the truth explains data without noise, rounding apart"
    assert truth.scores.data.held_shots is not None
    assert truth.scores.data.held_shots < 1e-20
    for run in found.runs:
        scores = run.scores
        assert scores.model is not None
        assert scores.data is not None
        assert scores.cost is not None
        assert start.scores.model is not None
        assert scores.model.rmse == si.metrics.rmse(run.model, found.truth)
        assert scores.model.rmse < start.scores.model.rmse
        assert scores.data.ratio < 0.5
        assert scores.data.held_shots_ratio is not None
        assert scores.data.held_shots_ratio < 0.9, "shots that no run has seen are predicted better than at the start"
        assert scores.cost.solves <= 100
    assert {r.method: r.trials for r in found.robustness} == {"none": 2, "TV": 2}
    assert found.pairs[0].pairs == 2
    assert not found.warnings


def test_held_out_shots_are_predicted_with_the_wavelet_of_the_others() -> None:
    runs, truth, held = entries("estimate")
    problem = runs["none"].problem
    evaluator = compare.Evaluator(problem=problem, band=si.signal.Band(25), held_out=held)
    found = evaluator.predict(truth)
    assert found.held_shots is not None
    assert found.held_shots < 0.02, "what an estimated wavelet leaves of noise-free data in the truth; measured 0.002"
    assert sum(s.held_out for s in found.shots) == 2


def test_held_out_band_is_above_the_last_one(done: tuple[compare.Comparison, Path]) -> None:
    found, _ = done
    assert found.held_band is not None
    assert (found.held_band.low, found.held_band.high) == (37.5, 50.0)
    runs, truth, _ = entries()
    with pytest.raises(ConfigError, match="held_band reaches 200 Hz"):
        compare.run(runs, "never", truth=truth, held_band=(100, 200))


def test_page_stands_alone(done: tuple[compare.Comparison, Path]) -> None:
    found, page = done
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", text), "the page must not load anything"
    assert "http" not in text.split("<body>")[1]
    assert "toy &lt;b&gt;" in text
    assert len(text) < 3e6
    for run in found.runs:
        assert run.label.name in text
    assert not list(page.parent.rglob("*.part"))
    assert "Robustness" in text
    payload = json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL).group(1))  # type: ignore[union-attr]
    assert len(payload["models"]["runs"]) == 4
    assert payload["gathers"]["runs"][:2] == ["start", "truth"]
    assert [s["held"] for s in payload["gathers"]["shots"]] == [False] * 3 + [True] * 2


def test_models_travel_within_a_65535th_of_their_range(done: tuple[compare.Comparison, Path]) -> None:
    import base64

    found, _ = done
    packed = compare.payload.models(found)
    low, high = packed["low"], packed["high"]
    values = np.frombuffer(base64.b64decode(packed["runs"][0]["steps"][-1]["values"]), "<u2")
    back = low + (high - low) * values.reshape(packed["shape"]) / 65535
    np.testing.assert_allclose(back, found.runs[0].model.vp, atol=0.51 * (high - low) / 65535)  # half a step


def test_steps_show_how_a_model_came_about(done: tuple[compare.Comparison, Path]) -> None:
    found, _ = done
    steps = compare.payload.models(found)["runs"][0]["steps"]
    assert [s["band"] for s in steps] == sorted(s["band"] for s in steps)
    assert steps[0]["iteration"] == 0
    assert steps[-1]["rmse"] == pytest.approx(found.runs[0].scores.model.rmse)  # type: ignore[union-attr]
    run = found.runs[0].run
    assert run is not None
    for k, row in enumerate(run.history):
        kept = run.iterate(k)
        assert kept is not None
        assert si.metrics.rmse(kept, found.truth) == pytest.approx(row["model_rmse"])


def test_json_and_csv_hold_the_same_numbers(done: tuple[compare.Comparison, Path]) -> None:
    found, page = done
    tables = json.loads((page.parent / "comparison.json").read_text(encoding="utf-8"))
    rows = list(csv.DictReader(io.StringIO((page.parent / "comparison.csv").read_text(encoding="utf-8"))))
    assert [r["name"] for r in rows] == ["start", "truth", *(r["name"] for r in tables["runs"])]
    for entry, row in zip(tables["runs"], rows[2:], strict=True):
        assert float(row["model_rmse"]) == entry["card"]["model"]["rmse"]
        assert float(row["data_held_shots"]) == entry["card"]["data"]["held_shots"]
        assert float(row["cost_solves"]) == entry["card"]["cost"]["solves"] == entry["history"][-1]["solves"]
        assert entry["versions"]["seisinv"]
    assert rows[1]["model_psnr"] == "inf"
    assert tables["references"][1]["card"]["model"]["psnr"] is None, "JSON knows no infinity"
    assert compare.as_text(found).splitlines()[2].startswith("start ")


def test_a_stopped_comparison_goes_on(tmp_path: Path, done: tuple[compare.Comparison, Path]) -> None:
    class Stop(Exception):
        pass

    runs, truth, held = entries()
    seen: list[object] = []

    def stop(event: object) -> None:
        seen.append(event)
        if len(seen) == 25:
            raise Stop

    how = {"budget": 100, "seeds": (0, 1), "truth": truth, "held_out": held, "success": 0.9}
    with pytest.raises(Stop):
        compare.run(runs, tmp_path, **how, progress=stop)  # type: ignore[arg-type]
    again = compare.run(runs, tmp_path, **how)  # type: ignore[arg-type]
    for a, b in zip(again.runs, done[0].runs, strict=True):
        assert torch.equal(a.model.vp, b.model.vp)
        assert a.scores.model == b.scores.model


def test_field_data_are_evaluated_without_a_truth(tmp_path: Path) -> None:
    runs, _, held = entries()
    found = compare.run(runs, tmp_path, budget=60, held_out=held)
    page = compare.write_comparison(found, tmp_path).read_text(encoding="utf-8")
    assert "The true model is not known; models are compared by how well they predict the hold-out shots." in page
    body = page.split("<body>")[1].split("<script")[0]
    assert "RMSE (" not in body
    assert "SSIM" not in body
    assert "hold-out shots" in body
    assert "differences from the truth" not in body
    assert all(c.group in ("data", "cost") for c in compare.columns(found))


def alien(tmp_path: Path, change: Callable[[compare.Entry], compare.Entry]) -> None:
    runs, truth, _ = entries()
    compare.run({"ours": runs["none"], "theirs": change(runs["TV"])}, tmp_path, truth=truth)


def test_other_data_are_refused(tmp_path: Path) -> None:
    def louder(entry: compare.Entry) -> compare.Entry:
        observed = entry.problem.observed[:]
        return replace(entry, problem=replace(entry.problem, observed=observed.replace(data=2 * observed.data)))

    def fewer(entry: compare.Entry) -> compare.Entry:
        problem = entry.problem
        return replace(
            entry,
            problem=replace(problem, propagator=problem.propagator.subset([0, 1]), observed=problem.observed[:2]),
        )

    with pytest.raises(RunError, match="ours and theirs are over different data: positions, times or samples differ"):
        alien(tmp_path / "a", louder)
    with pytest.raises(RunError, match="over different data: 4 and 2 shots are inverted"):
        alien(tmp_path / "b", fewer)


def test_another_grid_is_refused(tmp_path: Path) -> None:
    def finer(entry: compare.Entry) -> compare.Entry:
        grid = si.Grid((41, 41), 5.0)
        start = si.Model(grid, vp=torch.full(grid.shape, 2000.0, dtype=torch.float64))
        problem = replace(
            entry.problem, propagator=Rays(grid, entry.problem.propagator.survey),
            unknown=si.unknowns.Bounded(start, vp=(1800, 2400)),
        )  # fmt: skip
        return replace(entry, problem=problem)

    runs, _, _ = entries()
    with pytest.raises(RunError, match=r"different grids: 21 × 21 nodes of 10 × 10 m .* 41 × 41 nodes of 5 × 5 m"):
        compare.run({"ours": runs["none"], "theirs": finer(runs["TV"])}, tmp_path)


def test_finished_runs_without_their_data_are_compared_as_models(
    tmp_path: Path, done: tuple[compare.Comparison, Path]
) -> None:
    folder = done[1].parent
    found, page = compare_runs([folder / "none-seed-0", folder / "TV-seed-1"], tmp_path / "again")
    assert [r.label.name for r in found.runs] == ["none-seed-0", "TV-seed-1"]
    for again, before in zip(found.runs, (done[0].runs[0], done[0].runs[3]), strict=True):
        assert again.scores.model == before.scores.model
        assert again.scores.data is None
    text = page.read_text(encoding="utf-8")
    assert 'id="gathers"' not in text
    assert "had different budgets" not in text


def test_uncertainty_maps_are_shown_where_there_are_ensembles(tmp_path: Path) -> None:
    runs, truth, _ = entries()
    entry = runs["none"]
    si.inversion.run_ensemble(entry.problem, entry.optimizer, members=2, bands=BANDS, run_directory=tmp_path / "none")
    found = compare.run({"none": entry}, tmp_path, truth=truth)
    assert "Uncertainty" in compare.write_comparison(found, tmp_path).read_text(encoding="utf-8")


def test_curves_of_many_runs_have_styles_of_their_own() -> None:
    rows = [{"band": 5.0, "misfit": 2.0 / k, "solves": k, "seconds": k, "model_rmse": 9.0 / k} for k in (1, 2, 3)]
    figure = plot.compare_convergence({f"run {k}": rows for k in range(9)})
    styles = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines}
    assert len(styles) == 9


def test_the_driver_leaves_finished_runs_alone_and_resumes_others(tmp_path: Path) -> None:
    calls: list[tuple[str, bool]] = []

    def planned(name: str, *, finished: bool) -> compare.PlannedRun:
        def do(resume: bool, executor: object) -> None:
            calls.append((name, resume))
            run = RunDirectory.open(tmp_path / name, fingerprint={}, settings={}, resume=resume)
            run.write_model("start.npz", si.Model(si.Grid((3, 4), 10.0), vp=2000.0))

        return compare.PlannedRun(compare.Label(name, name), tmp_path / name, do, lambda: finished)

    compare.run_all([planned("first", finished=False)])
    found = compare.run_all([planned("first", finished=True), planned("second", finished=False)])
    compare.run_all([planned("second", finished=False)])
    assert calls == [("first", False), ("second", False), ("second", True)]
    assert [label.name for label in found] == ["first", "second"]


def test_former_names_of_comparisons_are_taken() -> None:
    start = si.Model(si.Grid((3, 4), 10.0), vp=2000.0)
    entry = compare.Evaluated(compare.Label("start", "start"), start, compare.Scores())
    with pytest.warns(DeprecationWarning, match=r"Evaluated\.card is now Evaluated\.scores"):
        assert entry.card is entry.scores  # type: ignore[attr-defined]
    record = RunRecord(Path("run"), {}, (), start, start)
    with pytest.warns(DeprecationWarning, match=r"judge=…\) is now evaluator="):
        assert compare.evaluate({entry.label: record}, judge=None).truth is None  # type: ignore[call-arg]
