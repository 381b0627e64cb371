"""Continuation begins no band before its delays suit it, fits traveltimes where they do not, and can be resumed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from inversion_toy import crosshole
from test_inversion_stages import Counted

from seisinv.core import ConfigError, Model, RunError
from seisinv.inversion import LBFGS, Continuation, Inversion, invert
from seisinv.jobs import build, config
from seisinv.misfit import Envelope, TravelTime
from seisinv.plot import convergence
from seisinv.report.measure import band_rows, measure
from seisinv.runs import read_run
from seisinv.signal.delays import delays, moments, residual_time
from seisinv.unknowns import Bounded

BANDS = (20.0, 40.0)
SHORT = Continuation(optimizer=LBFGS(3), attempts=3)


def far(share: float = 1.5, **options: Any) -> tuple[Inversion, Counted, Model]:
    """A crosshole survey of 20 Hz whose start is off by a share: 50 % make arrivals early by more than half a cycle."""
    simulate, truth, start = crosshole()
    simulator = Counted(simulate)
    unknown = Bounded(start.replace(vp=start.vp * share), vp=(1200, 3500))
    settings = {"propagator": simulator, "observed": simulate(truth), "unknown": unknown, "batch_shots": 4}
    return Inversion(**(settings | options)), simulator, truth  # type: ignore[arg-type]


def periods_late(problem: Inversion, model: Model) -> float:
    """95th percentile of the delays, in periods of the unfiltered data."""
    p, d = (g.data.numpy().reshape(-1, g.data.shape[-1]) for g in (problem.propagator(model), problem.observed))
    late, period = residual_time([moments(p, d, problem.observed.survey.time.step)], 95.0)
    return late / period


@pytest.mark.parametrize("misfit", [TravelTime(), TravelTime(envelope=True), Envelope()], ids=repr)
def test_continuation_finds_what_waveforms_alone_miss(misfit):
    plain, climbing = far()[0], far(continuation=Continuation(misfit=misfit, optimizer=LBFGS(6)))[0]
    lost, found = (invert(p, LBFGS(6), bands=BANDS) for p in (plain, climbing))
    assert periods_late(plain, lost.model) > 0.5  # measured 0.8
    assert periods_late(climbing, found.model) < 0.05
    assert found.ends[0].stage == "kinematic"
    assert found.ends[-1].stage == "waveform"


def test_continuation_costs_no_detour_where_delays_suit():
    """The model is that of a run without a continuation; only the delays are measured, band by band."""
    plain, counts, _ = far(1.0)
    climbing, counts_too, _ = far(1.0, continuation=SHORT)
    a, b = (invert(p, LBFGS(3), bands=BANDS) for p in (plain, climbing))
    assert torch.equal(a.model.vp, b.model.vp)
    assert counts_too.solved.total - counts.solved.total == b.solves - a.solves == len(BANDS) * len(plain.observed)
    assert all("less than" in row["why"] and row["stage"] == "waveform" for row in b.history)
    assert all("why" not in row for row in a.history)


def test_no_band_begins_before_its_times_suit_it(tmp_path):
    """With one update per stage the cap is met: the run ends without a waveform stage, and the reason says why."""
    problem, _, _ = far(continuation=Continuation(optimizer=LBFGS(1), attempts=2))
    result = invert(problem, LBFGS(3), bands=BANDS, run_directory=tmp_path)
    assert [e.stage for e in result.ends] == ["kinematic"] * 2
    (fault,) = measure(read_run(tmp_path)).faults
    assert fault.startswith("it ended early: the continuation ends before waveforms up to 20 Hz")
    assert [row["rung"] for row in result.history] == [0, 0, 1, 1]
    reason = result.ends[-1].reason
    assert "the continuation ends before waveforms up to 20 Hz" in reason
    assert "not less than" in reason
    assert "after 2 traveltime stages" in reason
    assert "\n" not in reason


@pytest.mark.parametrize("wavelet", ["known", "estimate"])
def test_budget_holds_and_counts_the_times(wavelet):
    least = far(continuation=SHORT, wavelet=wavelet)[0].least_solves(2)
    for budget in (least, 2 * least + 5):
        problem, simulator, _ = far(continuation=SHORT, wavelet=wavelet)
        result = invert(problem, LBFGS(9), bands=BANDS, budget=budget)
        assert simulator.solved.total == result.solves <= budget
    with pytest.raises(ConfigError, match=f"at least {least}"):
        invert(far(continuation=SHORT, wavelet=wavelet)[0], LBFGS(9), bands=BANDS, budget=least - 1)


class Stop(Exception):
    pass


def test_stopped_continuation_ends_with_the_same_bits(tmp_path):
    def run(name: str, after: int = 10**9):
        left = [after]

        def progress(event: Any) -> None:
            left[0] -= not event.replayed
            if left[0] < 0:
                raise Stop

        problem = far(continuation=SHORT)[0]
        return invert(problem, LBFGS(2), bands=BANDS, run_directory=tmp_path / name, resume=True, progress=progress)

    wanted = run("whole")
    for after in (2, 9, 5):
        with pytest.raises(Stop):
            run("cut", after)
    result = run("cut")
    assert torch.equal(result.model.vp, wanted.model.vp)
    assert [e.why for e in result.ends] == [e.why for e in wanted.ends]
    rows = [json.loads(row) for row in (tmp_path / "cut" / "history.jsonl").read_text().splitlines()]
    assert [(r["rung"], r["stage"], r["misfit"]) for r in rows] == [
        (r["rung"], r["stage"], r["misfit"]) for r in wanted.history
    ]
    shown = band_rows(read_run(tmp_path / "cut"))
    assert ["traveltimes" in row.band for row in shown] == [e.stage == "kinematic" for e in result.ends]
    assert len(convergence(result.history).axes[0].lines) == 2 * len(shown) - 1  # curves, and the lines between them
    with pytest.raises(RunError, match="ladder differ"):
        invert(far()[0], LBFGS(2), bands=BANDS, run_directory=tmp_path / "cut", resume=True)


def test_time_residuals_add_up_over_groups_and_are_those_of_a_shift():
    t, dt = np.arange(300) * 4e-3, 4e-3
    shifts = np.linspace(-0.1, 0.1, 11)
    d = np.stack([np.exp(-(((t - 0.6) / 0.02) ** 2))] * 11)
    p = np.stack([np.exp(-(((t - 0.6 - s) / 0.02) ** 2)) for s in shifts])
    np.testing.assert_allclose(delays(p, d, dt), shifts, atol=1e-4)  # a parabola for a bell: measured 2e-5
    whole, parts = [moments(p, d, dt)], [moments(p[:4], d[:4], dt), moments(p[4:], d[4:], dt)]
    assert residual_time(parts, 95.0) == pytest.approx(residual_time(whole, 95.0), rel=1e-12)
    assert residual_time(whole, 100.0)[0] == pytest.approx(0.1, abs=1e-4)
    assert np.isnan(residual_time([moments(0 * p, d, dt)], 95.0)).all()


def test_traveltime_is_half_the_squared_delay_however_far_and_loud():
    t = torch.arange(600, dtype=torch.float64) * 4e-3

    def wave(at: torch.Tensor) -> torch.Tensor:
        return (torch.cos(40 * (t - at)) * torch.exp(-(((t - at) / 0.06) ** 2)))[None, None]

    for envelope in (False, True):
        for late in (0.01, -0.3, 0.9):
            at = torch.tensor(1.2 + late, dtype=torch.float64, requires_grad=True)
            value = TravelTime(envelope)(7 * wave(at), wave(torch.tensor(1.2)), dt=4e-3)
            assert value.item() == pytest.approx(0.5 * late**2, rel=2e-3)  # the parabola's error, a share of a sample
            value.backward()
            assert float(at.grad) == pytest.approx(late, rel=2e-2)


def test_settings_make_the_continuation_they_name():
    assert build.continuation_of(config.load(None)) is None
    made = build.continuation_of(
        config.load(None, {"ladder.kind": "envelope", "ladder.attempts": 2, "ladder.periods": 0.4})
    )
    assert made == Continuation(misfit=Envelope(), optimizer=LBFGS(6), attempts=2, periods=0.4)
    with pytest.raises(ConfigError, match=r"aim is 0\.6"):
        Continuation(aim=0.6)
    with pytest.raises(ConfigError, match="attempts is 0"):
        Continuation(attempts=0)
    with pytest.raises(ConfigError, match="periods is 2"):
        Continuation(periods=2.0)
    with pytest.raises(ConfigError, match="percentile is 0"):
        Continuation(percentile=0.0)
