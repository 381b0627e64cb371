"""Budgets are kept and counted honestly; priors that look at the model now and then are asked when they should be."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from inversion_toy import Rays, crosshole
from scipy.ndimage import gaussian_filter

from seisinv.core import ConfigError, Gathers, Model, RunError
from seisinv.inversion import LBFGS, Adam, EstimateWavelet, Inversion, invert
from seisinv.priors import Attraction, Penalty, PlugAndPlay, Tikhonov
from seisinv.signal.processing import bands_of, processed
from seisinv.unknowns import Bounded

BANDS = (10.0, 20.0)
OPTIMIZERS = [LBFGS(iterations=30), Adam(iterations=30, rate=20.0)]
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=["LBFGS", "Adam"])


@dataclass(frozen=True)
class Smoother(PlugAndPlay):
    """Draws the model towards itself, smoothed; `asked` notes when."""

    weight: float = 0.1
    cells: float = 2.0
    every: int = 3
    targets: int | None = None
    finish: bool = False
    asked: list[tuple[float, tuple[int, ...]]] = field(default_factory=list, compare=False)

    @property
    def identity(self) -> tuple[Any, ...]:
        return (self.weight, self.cells, self.every, self.targets, self.finish)

    def check(self, model: Model) -> None:
        if model.grid.ndim != 2:
            raise ConfigError("this prior is for 2-D models")

    def target(
        self, model: Model, *, start: Model, progress: float, wavelength: float | None, seed: Sequence[int]
    ) -> Model:
        self.asked.append((progress, tuple(seed)))
        noise = np.random.default_rng(list(seed)).standard_normal(model.grid.shape)
        return model.replace(vp=torch.from_numpy(gaussian_filter(model.vp.numpy() + noise, self.cells)))

    def penalty(self, target: Model, *, progress: float, misfit: float) -> Penalty:
        assert 0 < misfit <= 1
        return Attraction(self.weight, target, 200.0 / (1 + progress))


class Tally:
    """A sum, shared by the subsets of a simulator, which is no part of a job's identity."""

    identity = "tally"

    def __init__(self) -> None:
        self.total = 0

    def add(self, shots: int) -> None:
        self.total += shots


@dataclass(frozen=True, eq=False)
class Counted:
    """A simulator that counts what it is asked: shots simulated, and shots whose gradient was taken."""

    inner: Rays
    solved: Tally = field(default_factory=Tally)

    @property
    def survey(self) -> Any:
        return self.inner.survey

    @property
    def grid(self) -> Any:
        return self.inner.grid

    def subset(self, shots: Sequence[int]) -> Counted:
        return Counted(self.inner.subset(shots), self.solved)

    def __call__(self, model: Model, wavelet: torch.Tensor | None = None) -> Gathers:
        gathers = self.inner(model, wavelet)
        self.solved.add(len(self.survey))
        if gathers.data.requires_grad:
            gathers.data.register_hook(lambda _: self.solved.add(len(self.survey)))
        return gathers


def counted(**options: Any) -> tuple[Inversion, Counted]:
    simulate, truth, start = crosshole()
    observed, simulator = simulate(truth), Counted(simulate)
    settings = {"unknown": Bounded(start, vp=(1500, 2600)), "observed": observed, "batch_shots": 4}
    return Inversion(propagator=simulator, **(settings | options)), simulator


@every_optimizer
@pytest.mark.parametrize("wavelet", ["known", "estimate", EstimateWavelet(search=0)], ids=["known", "held", "renewed"])
@pytest.mark.parametrize("prior", [None, Tikhonov(0.01), Smoother()], ids=["none", "Tikhonov", "staged"])
def test_budget_is_kept_and_solves_are_those_done(optimizer, wavelet, prior):
    for budget in (68, 100, 151, 300):
        inversion, simulator = counted(wavelet=wavelet, penalty=prior)
        result = invert(inversion, optimizer, bands=BANDS, budget=budget)
        assert simulator.solved.total == result.solves
        assert budget - 40 < result.solves <= budget
        assert result.history[-1]["solves"] <= result.solves


def test_budget_counts_what_a_run_directory_adds(tmp_path):
    """With a directory the start model's wavelet is estimated as well; it is in the budget, with or without."""
    renewed = EstimateWavelet(search=0)
    wanted, _ = counted(wavelet=renewed)
    inversion, simulator = counted(wavelet=renewed)
    least = inversion.least_solves(2)
    assert least == 2 * (12 + 12 + 6) + 6
    result = invert(inversion, LBFGS(9), bands=BANDS, budget=least, run_directory=tmp_path / "run")
    assert result.solves == least
    assert simulator.solved.total == least + 6  # three shots before and after, drawn for the report
    assert torch.equal(invert(wanted, LBFGS(9), bands=BANDS, budget=least).model.vp, result.model.vp)


def test_budget_too_small_is_refused_before_any_work(tmp_path):
    inversion, simulator = counted()
    with pytest.raises(ConfigError, match=r"budget is 47 .* at least 48"):
        invert(inversion, LBFGS(9), bands=BANDS, budget=47, run_directory=tmp_path / "run")
    assert simulator.solved.total == 0
    assert not (tmp_path / "run").exists()


def test_what_a_band_leaves_goes_to_the_next():
    inversion, simulator = counted()
    result = invert(inversion, LBFGS(iterations=1), bands=BANDS, budget=200)
    assert simulator.solved.total < 100
    assert "all 1 iterations done" in result.ends[-1].reason
    inversion, simulator = counted()
    loose = LBFGS(iterations=200, tolerance=0.3)  # ends the first band early
    result = invert(inversion, loose, bands=BANDS, budget=200)
    assert sum(row["band"] == 10 for row in result.history) < 10
    assert simulator.solved.total <= 200


@every_optimizer
def test_prior_is_asked_at_the_start_and_after_so_many_updates(optimizer):
    prior = Smoother()
    how = dataclasses.replace(optimizer, iterations=8)
    invert(counted(penalty=[Tikhonov(0.001), prior])[0], how, bands=BANDS, seed=7)
    assert prior.asked == [(float(band), (7, band, update)) for band in (0, 1) for update in (0, 3, 6)]
    few = Smoother(targets=2)
    invert(counted(penalty=few)[0], how, bands=BANDS, seed=7)
    assert few.asked == [(float(band), (7, band, update)) for band in (0, 1) for update in (0, 3)]


@every_optimizer
@pytest.mark.parametrize("wavelet", ["known", "estimate", EstimateWavelet(search=0)], ids=["known", "held", "renewed"])
def test_prior_that_finishes_hands_back_its_target_within_the_bounds(tmp_path, optimizer, wavelet):
    results = []
    for finish in (False, True):
        inversion, simulator = counted(penalty=Smoother(finish=finish), wavelet=wavelet, water=40.0)
        results.append(invert(inversion, optimizer, bands=BANDS, budget=200, run_directory=tmp_path / str(finish)))
        assert results[-1].solves <= 200
        assert simulator.solved.total == results[-1].solves + 6  # three shots before and after, for the report
    plain, finished = results
    start = finished.start.vp
    assert not torch.equal(finished.model.vp, plain.model.vp)
    assert torch.equal(finished.model.vp[:4], start[:4])
    assert finished.model.vp.min() >= 1500
    assert finished.model.vp.max() <= 2600
    again = counted(penalty=Smoother(finish=True), wavelet=wavelet, water=40.0)[0]
    resumed = invert(again, optimizer, bands=BANDS, budget=200, run_directory=tmp_path / "True", resume=True)
    assert torch.equal(resumed.model.vp, finished.model.vp)
    last = finished.history[-1]
    assert last["gradient_norm"] is None
    observed, predicted = again.observed, finished.predicted()
    if wavelet == "known":
        band = (
            processed(predicted, bands_of([20.0], 100.0)[0], None),
            processed(observed, bands_of([20.0], 100.0)[0], None),
        )
        assert float(again.misfit(*band)) == pytest.approx(last["misfit"], rel=1e-9)


@every_optimizer
def test_single_band_is_the_last(optimizer):
    prior = Smoother()
    invert(counted(penalty=prior)[0], dataclasses.replace(optimizer, iterations=2), bands=[20.0])
    assert prior.asked == [(1.0, (0, 0, 0))]


def test_a_moved_target_costs_no_wave_equation():
    """Misfit and gradient of the data at the point where the target moved are known already."""
    inversion, simulator = counted(penalty=Smoother(every=1))
    result = invert(inversion, Adam(iterations=6, rate=20.0), bands=[20.0])
    illumination, updates = 12, 7 * 12
    assert simulator.solved.total == result.solves == illumination + updates


class Stop(Exception):
    pass


@every_optimizer
@pytest.mark.parametrize("stops", [[1], [3, 1, 2], [7, 4]])
def test_stopped_run_with_prior_and_budget_ends_with_the_same_bits(tmp_path, optimizer, stops):
    inversion, _ = counted(penalty=Smoother(), wavelet="estimate")

    def run(name: str, after: int = 10**9):
        left = [after]

        def progress(event: Any) -> None:
            if not event.replayed:
                left[0] -= 1
                if left[0] < 0:
                    raise Stop

        options: dict[str, Any] = {"bands": BANDS, "budget": 200, "resume": True, "progress": progress}
        return invert(inversion, optimizer, run_directory=tmp_path / name, **options)

    wanted = run("whole")
    for n in stops:
        with pytest.raises(Stop):
            run("cut", n)
    result = run("cut")
    assert torch.equal(result.model.vp, wanted.model.vp)
    assert [row | {"seconds": 0} for row in result.history] == [row | {"seconds": 0} for row in wanted.history]
    kept = [sorted(f.name for f in (tmp_path / n / "evaluations").iterdir()) for n in ("whole", "cut")]
    assert kept[0] == kept[1]
    assert sum("target" in name for name in kept[0]) > 2
    rows = (tmp_path / "cut" / "history.jsonl").read_text().splitlines()
    assert [json.loads(row)["misfit"] for row in rows] == [row["misfit"] for row in wanted.history]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"penalty": Smoother(weight=0.2)}, "penalty differs"),
        ({"penalty": Smoother(cells=3.0)}, "penalty differs"),
        ({"penalty": Smoother(every=2)}, "penalty differs"),
        ({"budget": 151}, "budget differs"),
    ],
)
def test_another_prior_or_budget_is_another_job(tmp_path, change, word):
    options = {"penalty": Smoother(), "budget": 150}
    for k, given in enumerate((options, options | change)):
        budget = given.pop("budget")
        inversion, _ = counted(**given)
        if k:
            with pytest.raises(RunError, match=word):
                invert(inversion, LBFGS(2), bands=BANDS, run_directory=tmp_path, resume=True, budget=budget)
        else:
            invert(inversion, LBFGS(2), bands=BANDS, run_directory=tmp_path, budget=budget)


def test_prior_refuses_before_any_work():
    @dataclasses.dataclass(frozen=True)
    class Choosy(Smoother):
        def check(self, model: Model) -> None:
            raise ConfigError("not this model")

    with pytest.raises(ConfigError, match="not this model"):
        counted(penalty=[Tikhonov(0.1), Choosy()])
    with pytest.raises(ConfigError, match="penalty is 'tv'"):
        counted(penalty=["tv"])
