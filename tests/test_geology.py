"""Procedural geology: what the stream promises, and that structures move rocks as they should."""

from itertools import islice

import numpy as np
import pytest

from seisinv.core import ConfigError, GeometryError, Grid
from seisinv.geology import Geology
from seisinv.geology.curves import Curve
from seisinv.geology.rocks import BASALT, SALT, SEDIMENT, WATER
from seisinv.geology.structure import Clinoforms, Fault, Fold

GRID = Grid((41, 81), 20.0)
GEOLOGY = Geology()


def sampled(geology: Geology, count: int, grid: Grid = GRID) -> list[tuple[np.ndarray, np.ndarray]]:
    """vp and kind of rock of some earths."""
    z, x = grid.coordinates("z"), grid.coordinates("x")
    return [geology.earth(grid, seed=5, index=i).sample(z, x) for i in range(count)]


def assert_same_earth(left: np.ndarray, right: np.ndarray) -> None:
    # Vectorised exp and cos may differ in the last bit, which may move a boundary across a node.
    assert np.mean(np.abs(left - right) > 1e-3) < 1e-3


def test_seed_and_index_decide():
    again = GEOLOGY.model(GRID, seed=3, index=7)
    model = Geology().model(GRID, seed=3, index=7)
    for name in ("vp", "vs", "rho"):
        assert (model[name] == again[name]).all()
        assert model[name].numpy().dtype == np.float32
    assert (model.vp.numpy() == GEOLOGY.vp(GRID, seed=3, index=7)).all()
    assert np.abs(GEOLOGY.vp(GRID, seed=3, index=8) - model.vp.numpy()).mean() > 10
    assert np.abs(GEOLOGY.vp(GRID, seed=4, index=7) - model.vp.numpy()).mean() > 10


def test_a_seed_keeps_its_earths():
    """A trained prior names the seed it was trained with; a change of the distributions must be a decision."""
    means = [float(GEOLOGY.vp(GRID, seed=1, index=index).mean()) for index in range(4)]
    np.testing.assert_allclose(means, [2244.3, 1909.5, 2436.2, 2833.7], atol=0.5)  # m/s


def test_the_stream_is_made_of_the_numbered_models():
    models = islice(GEOLOGY.stream(GRID, seed=1, start=4), 3)
    assert all((m.vp == GEOLOGY.model(GRID, seed=1, index=4 + k).vp).all() for k, m in enumerate(models))


@pytest.mark.parametrize("index", range(8))
def test_an_earth_is_the_same_on_every_spacing(index):
    fine, coarse = Grid((81, 161), 10.0), Grid((41, 81), 20.0)
    assert_same_earth(GEOLOGY.vp(fine, seed=2, index=index)[::2, ::2], GEOLOGY.vp(coarse, seed=2, index=index))


def test_a_grid_below_the_datum_sees_the_lower_part_and_a_shifted_one_the_same_earth():
    whole = GEOLOGY.vp(GRID, seed=2, index=1)
    assert_same_earth(GEOLOGY.vp(Grid((21, 81), 20.0, (400.0, 0.0)), seed=2, index=1), whole[20:])
    assert_same_earth(GEOLOGY.vp(Grid((41, 81), 20.0, (0.0, 300.0)), seed=2, index=1), whole)


@pytest.mark.parametrize("grid", [Grid((101, 201), 5.0), Grid((101, 301), 40.0), Grid((64, 64), (10.0, 20.0))])
def test_values_are_plausible(grid):
    for index in range(6):
        model = GEOLOGY.model(grid, seed=9, index=index)
        vp, vs, rho = (model[n].numpy() for n in ("vp", "vs", "rho"))
        assert vp.min() >= 1450
        assert vp.max() <= 5500
        assert vp.std() > 20
        assert ((vs >= 0) & (vs < vp / 1.4)).all()
        assert ((rho >= 1025) & (rho < 3000)).all()


def test_water_is_on_top_and_carries_no_shear():
    model = Geology(marine=1.0).model(GRID, seed=0)
    wet = model.vs.numpy() == 0
    assert wet[0].all()
    assert (np.diff(wet.astype(int), axis=0) <= 0).all()
    assert (model.rho.numpy()[wet] == 1025).all()
    assert ((model.vp.numpy()[wet] > 1460) & (model.vp.numpy()[wet] < 1540)).all()
    assert (Geology(marine=0.0).model(GRID, seed=0).vs > 0).all()


def test_sediments_follow_the_stated_relations():
    model = Geology(marine=0, salt=0, basalt=0, basement=0).model(GRID, seed=0)
    vp = model.vp.numpy().astype(float)
    np.testing.assert_allclose(vp, 1.16 * model.vs.numpy() + 1360, rtol=1e-5)
    np.testing.assert_allclose(model.rho.numpy(), 310 * vp**0.25, rtol=1e-5)


def test_salt_and_basalt_have_their_own_velocities():
    rocks = sampled(Geology(salt=1, basalt=1), 12)
    salt = np.concatenate([vp[rock == SALT] for vp, rock in rocks])
    basalt = np.concatenate([vp[rock == BASALT] for vp, rock in rocks])
    assert len(salt) > 1000
    assert len(basalt) > 300
    assert ((salt >= 4400) & (salt <= 4650)).all()
    assert ((basalt > 4700) & (basalt <= 5500)).all()
    assert not any((rock == SALT).any() for _, rock in sampled(Geology(salt=0), 12))


def test_the_stream_as_a_whole():
    """About half of the models are marine, velocity grows with depth on average, and inversions are common."""
    rocks = sampled(GEOLOGY, 120)
    marine = np.mean([(rock == WATER).any() for _, rock in rocks])
    assert abs(marine - GEOLOGY.marine) < 3 * np.sqrt(0.25 / 120)
    profile = np.mean([vp.mean(1) for vp, _ in rocks], axis=0)
    assert (np.diff(profile[::5]) > 0).all()
    slower = [np.mean(np.diff(vp, axis=0)[rock[1:] == SEDIMENT] < -30) for vp, rock in rocks]
    assert np.mean(np.array(slower) > 0.01) > 0.5
    # From nearly flat to strongly deformed.
    sideways = [np.mean(np.abs(np.diff(vp, axis=1)) > 50) for vp, _ in rocks]
    assert np.percentile(sideways, 10) < 0.02
    assert np.percentile(sideways, 90) > 0.03


def test_beds_stay_in_order_where_no_fault_cuts():
    geology, x = Geology(faults=0), GRID.coordinates("x")[None]
    z = np.broadcast_to(GRID.coordinates("z")[:, None], GRID.shape)
    for index in range(20):
        level, _, era = geology.earth(GRID, seed=6, index=index).restore(z, x)
        assert (np.diff(era.astype(int), axis=0) >= 0).all()
        overturned = (np.diff(level, axis=0) < 0) & (np.diff(era, axis=0) == 0)
        assert overturned.mean() < 0.01


def normal(**changes: float) -> Fault:
    parts = {"place": 0.0, "side": 1, "slope": 2.0, "detachment": 900.0, "heave": 60.0}
    return Fault(**{**parts, "tip": -1e4, "growth": 1.0, "reach": 1e9, **changes})


@pytest.mark.parametrize("heave", [60.0, -60.0])
@pytest.mark.parametrize("side", [1, -1])
def test_a_hanging_wall_stays_in_touch_with_its_fault(heave, side):
    fault = normal(heave=heave, side=side)
    along = np.linspace(100, 600, 21)
    z, x = fault.undo(fault.surface(along) - 1e-6, side * along)
    np.testing.assert_allclose(z, fault.surface(side * x), atol=1e-3)
    np.testing.assert_allclose(side * x, along - heave, atol=1e-9)


def test_normal_faults_lower_the_hanging_wall_and_reverse_faults_raise_it():
    plane = {"detachment": 1e9}
    above, below = (np.array([100.0]), np.array([300.0])), (np.array([600.0]), np.array([-300.0]))
    assert normal(**plane).undo(*above)[0] == pytest.approx(100 - 120, abs=1e-3)
    assert normal(heave=-60.0, **plane).undo(*above)[0] == pytest.approx(100 + 120, abs=1e-3)
    assert normal(**plane).undo(*below)[0] == 600


def test_slip_ends_at_the_tip_and_grows_below():
    fault = normal(tip=200.0, growth=400.0, detachment=1e9)
    z = np.array([100.0, 400.0, 700.0])
    np.testing.assert_allclose(z - fault.undo(z, np.full(3, 900.0))[0], [0, 60, 120], atol=1e-3)


def test_growth_strata_thicken_off_the_crest():
    fold = Fold(Curve(0.0, 1.0, np.array([-50.0, 50.0, 50.0])), tip=0.0, growth=300.0, share=0.0)
    z = np.array([[0.0], [400.0]])
    crest, trough = np.diff(fold.undo(z, np.array([[0.0, 1.0]]))[0], axis=0)[0]
    # The same depth holds more of the pile at the crest: beds are thinner there.
    assert (crest, trough) == (450, 350)


def test_clinoforms_step_down_by_their_height():
    slope = Clinoforms(place=500.0, height=100.0, width=20.0, advance=0.0)
    z = np.array([300.0, 300.0])
    np.testing.assert_allclose(slope.undo(z, np.array([0.0, 1000.0]))[0], [300, 200], atol=1e-3)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (Grid((5, 5, 5), 10.0), "3 axes.*grid \\(nz, nx\\)"),
        (Grid((50, 50), 4.0), "spacing along z is 4 m.*5 to 40 m.*resample"),
        (Grid((50, 50), (20.0, 50.0)), "spacing along x is 50 m"),
    ],
)
def test_unsuitable_grids_are_refused(grid, message):
    with pytest.raises(GeometryError, match=message):
        GEOLOGY.vp(grid, seed=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"marine": 1.5}, "marine is 1.5.*between 0 and 1"),
        ({"texture": -1}, "texture is -1.*0 or more"),
        ({"faults": 2.5}, "faults is 2.5"),
        ({"thickness": (400, 20)}, "thickness is \\(400, 20\\).*smaller first"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        Geology(**settings)


def test_a_negative_seed_is_refused():
    with pytest.raises(ConfigError, match="seed is -1"):
        GEOLOGY.vp(GRID, seed=-1)
