"""Synthetic cases: what is modelled, what is spoilt, and what an inversion may start from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from seisinv import synthetic
from seisinv.core import Grid, Model
from seisinv.signal import Band

GRID = Grid((16, 24), 25.0)


def survey(shots: int = 1):
    return synthetic.surface_survey(GRID, shots=shots, peak=8.0, duration=0.4, dt=4e-3)


def test_starting_model_is_smooth_and_leaves_the_water_alone():
    truth = np.full((16, 24), 3000.0, np.float32)
    truth[:6], truth[6:, 12:] = 1500.0, 2000.0
    water = synthetic.water_layer(truth)
    start = synthetic.smooth_start(truth, 5.0, water=water)
    assert np.array_equal(start[water], truth[water])
    assert start[~water].min() > 1999
    assert start[~water].max() < 3001
    assert np.abs(np.diff(start[6:], axis=1)).max() < 150  # of a step of 1000 m/s, over a Gaussian of 5 cells


def test_truth_is_every_other_node_of_the_model_that_was_recorded():
    def velocity(grid: Grid) -> np.ndarray:
        return 1800 + grid.coordinates("z")[:, None] + 0.1 * grid.coordinates("x")

    case = synthetic.Case.modelled(velocity, survey(), GRID, smooth=2.0, threads=1)
    fine = synthetic.refined(GRID)
    wanted = synthetic.model_data(Model(fine, vp=velocity(fine).astype(np.float32)), survey(), threads=1)
    assert torch.equal(case.observed.data, wanted.data)
    np.testing.assert_array_equal(case.truth.vp, velocity(GRID).astype(np.float32))
    assert not case.water.any()


@pytest.mark.parametrize("band", [(10.0, 30.0), Band(30.0, 10.0)], ids=["sharp", "with flanks"])
def test_noise_has_the_stated_level_and_band(band):
    data = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 20, 500)))
    noise = synthetic.with_noise(data, 0.2, dt=4e-3, band=band, random=np.random.default_rng(1)) - data
    # Of the median trace, one in forty; deviations of the sampled noise are exact.
    assert float(noise.std()) == pytest.approx(0.2 * synthetic.median_rms(data), rel=1e-3)
    spectrum = np.abs(np.fft.rfft(noise.numpy(), axis=-1)).mean((0, 1))
    frequency = np.fft.rfftfreq(500, 4e-3)
    outside = (frequency < 10.0 / 1.5 - 2) | (frequency > 45.0 + 2)
    assert spectrum[outside].max() < 0.1 * spectrum.max()  # the ends of the traces leak: 0.05 with flanks, 0 without


def test_what_is_random_depends_on_the_generator_alone():
    gathers = synthetic.model_data(Model(GRID, vp=2000.0), survey(2), threads=1)
    found = [synthetic.without_traces(gathers, 0.4, np.random.default_rng(k)).live for k in (0, 0, 1)]
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
