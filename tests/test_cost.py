"""Budget accounting: what a run prints is what the propagator itself has counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import seisinv as si
from seisinv.propagate import counted
from seisinv.runs.cost import read_cost

GRID = si.Grid((21, 31), 20.0)


def problem(**settings: object) -> si.Inversion:
    survey = si.Survey.surface(
        sources=si.line(100, 500, every=200, depth=20), receivers=si.line(0, 600, every=100, depth=380),
        wavelet=si.ricker(8), duration=0.5, dt=4e-3,
    )  # fmt: skip
    simulate = si.Propagator(si.Acoustic(), GRID, survey, order=4, vp_max=2600, threads=1, memory=si.StoreAll())
    observed = simulate(si.Model(GRID, vp=2060.0))
    unknown = si.unknowns.Bounded(si.Model(GRID, vp=2000.0), vp=(1500, 2600))
    return si.Inversion(propagator=simulate, observed=observed, unknown=unknown, **settings)  # type: ignore[arg-type]


CASES = {
    "known wavelet": {},
    "estimated wavelet": {"wavelet": "estimate"},
    "no illumination": {"illumination": False},
    "groups of one shot": {"batch_shots": 1},
    "a prior that finishes": {"penalty": si.priors.Learned(every=2)},
}


@pytest.mark.parametrize("name", CASES)
def test_printed_solves_are_those_the_propagator_counts(name: str) -> None:
    with counted() as work:
        inversion = problem(**CASES[name])
        data = work.solves
        result = si.invert(inversion, si.LBFGS(iterations=3), bands=[6, 10])
    assert work.solves - data == result.solves
    assert data == len(inversion.observed)
    assert work.recomputed == 0


def test_a_budget_is_kept_as_the_propagator_counts_it() -> None:
    inversion, budget = problem(), 41
    with counted() as work:
        result = si.invert(inversion, si.LBFGS(iterations=50), bands=[6, 10], budget=budget)
    assert work.solves == result.solves <= budget
    assert budget - result.solves < 2 * len(inversion.observed), "another gradient would not have fitted"


def test_repeated_steps_are_counted_apart(tmp_path: Path) -> None:
    stored = problem()
    repeated = replace(stored, propagator=stored.propagator.replace(memory=si.Checkpointed(every=20)))  # type: ignore[attr-defined]
    for inversion, each in ((stored, 0), (repeated, 1)):
        folder = tmp_path / str(each)
        result = si.invert(inversion, si.Adam(iterations=2), bands=[8], run_directory=folder)
        cost = read_cost(folder)
        assert cost is not None
        assert cost.solves == result.solves == 2 * 3 * (1 + 3)  # illumination and three gradients of three shots
        # Each gradient repeats its forward run once from checkpoints.
        assert cost.recomputed == pytest.approx(each * result.solves / 2)
        assert cost.peak_memory > 1e7
        again = si.invert(inversion, si.Adam(iterations=2), bands=[8], run_directory=folder, resume=True)
        assert torch.equal(again.model.vp, result.model.vp)
        assert read_cost(folder) == cost, "a replay costs nothing"


def test_second_derivatives_count_what_they_carry() -> None:
    inversion = problem()
    start = inversion.unknown.start
    with counted() as work:
        torch.func.jvp(
            lambda vp: inversion.propagator(si.Model(GRID, vp=vp)).data, (start.vp.clone(),), (torch.ones(GRID.shape),)
        )
    # The forward runs, then the runs that carry the perturbation along.
    assert work.solves == 3 * (1 + 2)
