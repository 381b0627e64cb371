"""Models in files come back as they were."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from io_files import noise, segy_bytes, written

from seisinv import io
from seisinv.core import ConfigError, DataError, Grid, Model, ModelError, RunError

GRID = Grid((6, 9), (12.5, 20.0), (5.0, 1000.25))


def example() -> Model:
    rng = np.random.default_rng(0)
    return Model(GRID, vp=rng.uniform(1500, 4500, GRID.shape), rho=rng.uniform(1000, 2500, GRID.shape))


@pytest.mark.parametrize("name", ["m.sgy", "m.npz"])
def test_round_trip_is_exact(tmp_path, name):
    io.write_model(tmp_path / name, example())
    model = io.read_model(tmp_path / name)
    assert model.grid == GRID
    assert torch.equal(model.vp, example().vp)
    assert ("rho" in model) == (name == "m.npz")


step = st.floats(0.01, 500)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spacing=st.tuples(step, step), origin=st.tuples(st.floats(-1e4, 1e4), st.floats(-1e6, 1e6)))
def test_any_grid_survives_segy(tmp_path, spacing, origin):
    grid = Grid((3, 4), spacing, origin)
    io.write_model(tmp_path / "m.sgy", Model(grid, vp=2000.0), overwrite=True)
    assert io.read_model(tmp_path / "m.sgy").grid == grid


def test_npy_needs_its_spacing(tmp_path):
    io.write_model(tmp_path / "m.npy", example())
    with pytest.raises(ModelError, match="spacing"):
        io.read_model(tmp_path / "m.npy")
    model = io.read_model(tmp_path / "m.npy", spacing=(12.5, 20), origin=(5, 1000.25))
    assert model.grid == GRID
    assert torch.equal(model.vp, example().vp)


def test_segyio_shows_depths_and_traces(tmp_path):
    import segyio

    io.write_model(tmp_path / "rho.sgy", example(), parameter="rho")
    with segyio.open(str(tmp_path / "rho.sgy"), strict=False) as file:
        assert np.allclose(file.samples, 5 + 12.5 * np.arange(6))
        assert np.array_equal(file.trace[3], example().rho[:, 3].numpy())
        assert file.attributes(181)[1] / 100 == 1020.25
    assert torch.equal(io.read_model(tmp_path / "rho.sgy", parameter="rho").rho, example().rho)
    with pytest.raises(ModelError, match="holds rho, not vp"):
        io.read_model(tmp_path / "rho.sgy")


def test_foreign_segy_takes_spacing_from_even_headers(tmp_path):
    values = np.abs(noise(4, 5)) + 1.5
    even = written(tmp_path, segy_bytes({73: 25 * np.arange(4) + 100}, values, interval=10_000), "even.sgy")
    model = io.read_model(even, units="km/s")
    assert model.grid == Grid((5, 4), (10, 25), (0, 100))
    assert np.allclose(model.vp.numpy(), 1000 * values.T)
    empty = written(tmp_path, segy_bytes({}, values, interval=0), "empty.sgy")
    with pytest.raises(ModelError, match="spacing="):
        io.read_model(empty, units="km/s")
    assert io.read_model(empty, units="km/s", spacing=1.25, every=2).grid == Grid((3, 2), 2.5)


def test_kilometres_per_second_are_noticed(tmp_path):
    np.save(tmp_path / "m.npy", np.full((4, 5), 2.5))
    with pytest.raises(ModelError, match='units="km/s"'):
        io.read_model(tmp_path / "m.npy", spacing=10)
    assert float(io.read_model(tmp_path / "m.npy", spacing=10, units="km/s").vp[0, 0]) == 2500


@pytest.mark.parametrize("layout", ["zx", "xz"])
@pytest.mark.parametrize("dtype", ["<f4", ">f8", "<i2"])
def test_raw_binary_with_stated_shape(tmp_path, layout, dtype):
    values = np.arange(1500, 1520).reshape(4, 5)
    path = written(tmp_path, (values if layout == "zx" else values.T).astype(dtype).tobytes(), "vp.bin")
    model = io.read_model(path, shape=(4, 5), dtype=dtype, layout=layout, spacing=10)
    assert np.array_equal(model.vp.numpy(), values)
    with pytest.raises(ModelError, match="needs"):
        io.read_model(path, shape=(4, 6), dtype=dtype, layout=layout, spacing=10)
    with pytest.raises(ConfigError, match="layout"):
        io.read_model(path, shape=(4, 5), dtype=dtype, spacing=10)
    with pytest.raises(DataError, match="shape"):
        io.read_model(path, spacing=10)


def test_text_and_compressed_files(tmp_path):
    values = np.arange(1500, 1520).reshape(4, 5)
    np.savetxt(tmp_path / "vp.dat", values)
    assert np.array_equal(io.read_model(tmp_path / "vp.dat", spacing=10).vp.numpy(), values)
    (tmp_path / "vp.dat.gz").write_bytes(gzip.compress((tmp_path / "vp.dat").read_bytes()))
    assert np.array_equal(io.read_model(tmp_path / "vp.dat.gz", spacing=10, layout="xz").vp.numpy(), values.T)


def test_existing_models_are_kept(tmp_path):
    for name in ("m.sgy", "m.npz", "m.npy"):
        io.write_model(tmp_path / name, example())
        with pytest.raises(RunError, match="overwrite=True"):
            io.write_model(tmp_path / name, example())
        io.write_model(tmp_path / name, example(), overwrite=True)
    with pytest.raises(ConfigError, match="endings"):
        io.write_model(tmp_path / "m.xyz", example())
    assert len(list(tmp_path.iterdir())) == 3


def test_damaged_archives_are_refused(tmp_path):
    io.write_model(tmp_path / "m.npz", example())
    whole = (tmp_path / "m.npz").read_bytes()
    for content in (whole[:-30], whole[:100], whole[:40] + b"\0" * 60 + whole[100:]):
        with pytest.raises((DataError, ModelError)):
            io.read_model(written(tmp_path, content, "damaged.npz"))
    np.savez(tmp_path / "other.npz", a=1)
    with pytest.raises(ModelError, match="spacing and origin"):
        io.read_model(tmp_path / "other.npz")
