"""The gradient-trained surrogate: its networks, what its form holds, its training, and files."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from surrogate_waves import free, gaussian, scored, square
from typer.testing import CliRunner

import seisinv as si
from seisinv.cli import app
from seisinv.core import ConfigError, DataError, GeometryError, RunError, StabilityError
from seisinv.core.tensors import read_tensors, write_tensors
from seisinv.surrogate import Initial, Network, TrainedPINN, TrainedWavefield, TrainingSchedule, Wavefield
from seisinv.surrogate.jets import VALUE
from seisinv.surrogate.trained.wavefield import TrainedField

ORDERS = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 0, 0), (0, 2, 0), (0, 0, 2), (1, 1, 0), (1, 0, 2)]
TINY = Network(windows=(2, 1, 2), width=5, depth=2)
RECIPE = TrainingSchedule(steps=6, batch=20, stages=2, polish=25, points=30)  # L-BFGS: 10, 10 and 5 iterations
MOVING = Initial(gaussian(100.0).value, lambda z, x: 3.0 * gaussian().value(z, x))


def pinn(**changes) -> TrainedPINN:
    given = {"duration": 0.3, "wavenumber": 0.018, "network": TINY, "recipe": RECIPE} | changes
    return TrainedPINN(si.Acoustic(), square(800, nodes=17), **given)


def untrained(edges: str = "open", activation: str = "sine") -> TrainedField:
    """Return a field with parameters at random, last layer included."""
    surrogate = pinn(edges=edges, network=dataclasses.replace(TINY, activation=activation))
    ansatz = surrogate._equations(surrogate._start(0, MOVING if edges == "open" else gaussian(), 0.05)).ansatz
    generator = torch.Generator().manual_seed(0)
    random = (torch.randn(s, generator=generator, dtype=torch.float64) for s in ansatz.network.shapes)
    return TrainedField(ansatz, tuple(random))


def inside(count: int) -> np.ndarray:
    low, high = np.array([-790, -790, 0.005]), np.array([790, 790, 0.295])
    return low + (high - low) * np.random.default_rng(1).uniform(size=(count, 3))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("edges", "activation"), [("open", "sine"), ("wall", "tanh")])
def test_derivatives_equal_finite_differences(edges, activation, order):
    """Central differences of the derivative one lower, at 1e-4 of the scale: an error of about 1e-8."""
    axis = int(np.argmax(order))
    lower = tuple(n - (k == axis) for k, n in enumerate(order))
    field, points = untrained(edges, activation), inside(20)
    step = 1e-4 / (0.018 * np.array([1, 1, 1000.0]))[axis] * np.eye(3)[axis]
    higher, less = (field.form(points + s, {lower: 1.0}) for s in (step, -step))
    exact = field.form(points, {order: 1.0})
    np.testing.assert_allclose(exact, (higher - less) / (2 * step[axis]), atol=1e-6 * np.abs(exact).max())


def test_residual_is_that_of_the_derivatives():
    field, points = untrained(), inside(30)
    second = [field.form(points, {o: 1.0}) for o in ((0, 0, 2), (2, 0, 0), (0, 2, 0))]
    found = field.form(points, pinn().residual.form(points))
    np.testing.assert_allclose(found, second[0] - 1e6 * (second[1] + second[2]), atol=1e-11 * np.abs(second[0]).max())


def test_initial_fields_are_held_by_any_networks():
    """To the error of the splines, 12 nodes per shortest wavelength."""
    points = inside(50) * (1, 1, 0)
    field = untrained()
    np.testing.assert_allclose(field.form(points, {VALUE: 1.0}), MOVING.value(*points.T[:2]), atol=1e-6)
    np.testing.assert_allclose(field.form(points, {(0, 0, 1): 1.0}), MOVING.rate(*points.T[:2]), atol=3e-6)


def test_walls_are_held_by_any_networks():
    """To what the Gaussian has there, 4 deviations away."""
    points = inside(40)
    points[::2, 0], points[1::2, 1] = -800, 800
    assert np.abs(untrained("wall").form(points, {VALUE: 1.0})).max() < 4e-4


def test_training_finds_the_wave():
    """0.089, 0.091 and 0.149 for three seeds."""
    recipe = TrainingSchedule(steps=200, batch=200, stages=2, polish=60, points=600)
    wave = pinn(network=Network(windows=(1, 1, 1), width=48), recipe=recipe)(gaussian())
    points = scored(300, 0.3) * (0.5, 0.5, 1.0)
    exact = free(points)
    error = np.linalg.norm(wave(points)[0] - exact) / np.linalg.norm(exact)
    assert error < 0.25


def test_absorbing_rows_vanish_for_waves_that_leave():
    """∂p/∂t = −c and ∇p = n for p = n · x − c t, n being the outward normal."""
    surrogate = pinn(edges="absorbing")
    equations = surrogate._equations(surrogate._start(0, gaussian(), 0.05))
    edge, form = equations.edges(inside(8))
    normal = np.where(np.isclose(np.abs(edge[:, :2]), 800), np.sign(edge[:, :2]), 0.0)
    row = -1000 * form[0, 0, 1] + form[1, 0, 0] * normal[:, 0] + form[0, 1, 0] * normal[:, 1]
    np.testing.assert_allclose(np.abs(normal).sum(1), 1)
    np.testing.assert_allclose(row, 0, atol=1e-9)
    assert len(equations.rows(10, 0)) == 2
    assert surrogate(gaussian()).errors["edges"][0] > 0


def test_seed_decides():
    a, b, c = (pinn(seed=s)(gaussian()) for s in (0, 0, 1))
    points = inside(10)
    assert np.array_equal(a(points), b(points))
    assert not np.array_equal(a(points), c(points))


# Stopping and going on


def stopped(directory: Path, *, after: int, resume: bool) -> None:
    def stop(step) -> None:
        if step.update == after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pinn()(gaussian(), directory=directory, resume=resume, progress=stop)


@pytest.mark.parametrize("stops", [[2], [6], [7], [8], [1, 5, 7]], ids=str)
def test_stopped_training_ends_with_the_same_wave(tmp_path, stops):
    for k, after in enumerate(stops):
        stopped(tmp_path, after=after, resume=k > 0)
    found = pinn()(gaussian(), directory=tmp_path, resume=True)
    assert np.array_equal(found(inside(20)), pinn()(gaussian())(inside(20)))


def test_progress_tells_update_and_residual():
    seen = []
    pinn()(gaussian(), progress=seen.append)
    assert [s.update for s in seen] == list(range(1, 10))
    assert [s.method for s in seen] == ["Adam"] * 6 + ["L-BFGS"] * 3
    assert seen[-1].residual < seen[5].residual


def test_another_training_is_not_resumed(tmp_path):
    stopped(tmp_path, after=3, resume=False)
    with pytest.raises(RunError, match="already holds a training"):
        pinn()(gaussian(), directory=tmp_path)
    with pytest.raises(RunError, match="another recipe, seed"):
        pinn(seed=1, recipe=dataclasses.replace(RECIPE, steps=7))(gaussian(), directory=tmp_path, resume=True)
    with pytest.raises(RunError, match="another initial field"):
        pinn()(gaussian(50.0), directory=tmp_path, resume=True)


def test_damaged_checkpoint_is_refused(tmp_path):
    file = tmp_path / "field-0.safetensors"
    for write in (lambda: file.write_bytes(b"x" * 50), lambda: write_tensors(file, {"a": torch.zeros(1)}, {})):
        write()
        with pytest.raises(RunError, match="not a complete checkpoint"):
            pinn()(gaussian(), directory=tmp_path, resume=True)


# Files and refusals


def test_saved_wavefields_are_the_same(tmp_path):
    wave = pinn()(gaussian(), MOVING)
    wave.save(tmp_path / "wave.safetensors")
    again, points = TrainedWavefield.load(tmp_path / "wave.safetensors"), inside(20)
    assert len(again) == 2
    assert np.array_equal(again(points), wave(points))
    assert np.array_equal(again.gradient(points), wave.gradient(points))
    assert again.errors.keys() == wave.errors.keys()


def test_other_files_are_refused(tmp_path):
    file = tmp_path / "wave.safetensors"
    pinn()(gaussian()).save(file)
    tensors, metadata = read_tensors(file)
    write_tensors(file, {n: t for n, t in tensors.items() if n != "0.weight1"}, metadata)
    with pytest.raises(DataError, match="damaged"):
        TrainedWavefield.load(file)
    write_tensors(file, tensors, {"format": "something else"})
    with pytest.raises(DataError, match="something else"):
        TrainedWavefield.load(file)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: pinn(duration=0.0), ConfigError, "duration is 0 s"),
        (lambda: pinn(wavenumber=-1.0), ConfigError, "wavenumber is -1"),
        (lambda: pinn(edges="glass"), ConfigError, "open, wall, absorbing"),
        (lambda: pinn(seed=-1), ConfigError, "seed is -1"),
        (lambda: pinn(network=Network(overlap=1.0)), ConfigError, "overlap is 1"),
        (lambda: Network(windows=(1, 1)), ConfigError, "windows has 2 numbers"),
        (lambda: Network(width=0), ConfigError, "width of the network is 0"),
        (lambda: Network(activation="relu"), ConfigError, "sine, tanh"),
        (lambda: TrainingSchedule(steps=0, polish=0), ConfigError, "nothing to do"),
        (lambda: TrainingSchedule(rate=2.0), ConfigError, "rate is 2"),
        (lambda: TrainingSchedule(batch=0), ConfigError, "batch is 0"),
        (lambda: pinn()(), ConfigError, "no initial field"),
        (lambda: pinn()(gaussian(), resume=True), ConfigError, "directory"),
        (lambda: pinn()(Initial(lambda z, x: 0 * z)), ConfigError, "zero everywhere"),
        (lambda: pinn()(Initial(lambda z, x: z / 0.0 if z.ndim else z)), ConfigError, "NaN"),
        (lambda: pinn()(Initial(lambda z, x: np.sin(0.2 * z))), StabilityError, "raise wavenumber above 0.018"),
        (lambda: pinn(edges="wall")(gaussian(700.0)), ConfigError, "vanish on the walls"),
        (lambda: pinn()(gaussian())(np.array([[0.0, 0.0, 0.4]])), GeometryError, "t = 0.4 s"),
        (lambda: pinn()(gaussian())(np.zeros((1, 3)), (3, 0, 0)), ConfigError, "at most 2"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_bad_input_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_physics_of_several_fields_is_refused():
    model = si.Model(si.Grid((9, 9), 10.0), vp=1000.0, rho=1000.0)
    with pytest.raises(si.ModelError, match="one field of second order"):
        TrainedPINN(si.AcousticDensity(), model, duration=0.1, wavenumber=0.1)


# The command line


def command(directory: Path, *flags: str):
    """Run `seisinv train pinn` on a small model in the directory."""
    model = directory / "vp.npz"
    if not model.exists():
        si.io.write_model(model, square(400, nodes=9))
    where = ["-o", str(directory / "wave.safetensors"), "-d", str(directory / "run")]
    given = ["train", "pinn", str(model), "--width", "200", "--duration", "0.1", *where, *flags]
    return CliRunner().invoke(app, given)


def test_least_squares_on_the_command_line(tmp_path):
    done = command(tmp_path)
    assert done.exit_code == 0, done.output
    assert "residual:  initial" in done.output
    middle = np.array([[0.0, 0.0, 0.0]])
    assert Wavefield.load(tmp_path / "wave.safetensors")(middle)[0, 0] == pytest.approx(1, abs=0.02)  # 63 features
    assert (tmp_path / "wave.png").read_bytes().startswith(b"\x89PNG")
    assert "exists; pass --overwrite" in command(tmp_path).output


def test_point_sources_on_the_command_line(tmp_path):
    """Two shots share one solve; what is written holds both, and the error against the simulator is told."""
    model = tmp_path / "vp.npz"
    si.io.write_model(model, square(100, nodes=21))
    given = ["train", "pinn", str(model), "--duration", "0.4", "-o", str(tmp_path / "wave.safetensors")]
    shots = ["--peak", "8", "--at", "0,0", "--at", "50,-100"]
    done = CliRunner().invoke(app, [*given, *shots])
    assert done.exit_code == 0, done.output
    assert "against the simulator: error" in done.output
    assert len(Wavefield.load(tmp_path / "wave.safetensors")) == 2
    done = CliRunner().invoke(app, [*given, *shots, "--bound", "0.002", "--overwrite"])
    assert (done.exit_code, done.stdout.startswith("fitted, but the surrogate is off by")) == (3, True), done.output
    for flags, words in (
        ([*shots, "--overwrite", "--edges", "wall"], "--peak is for the least-squares method"),
        ([*shots, "--overwrite", "--windows", "2,2"], "whole number each along z, x and t"),
        (["--overwrite", "--peak", "3"], "takes 1 s: raise it"),
        (["--overwrite"], "pass --width"),
        (["--overwrite", "--width", "200", "--slabs", "2"], "are for point sources"),
    ):
        refused = CliRunner().invoke(app, [*given, *flags])
        assert (refused.exit_code, words in refused.output) == (2, True), refused.output


def test_training_on_the_command_line(tmp_path, caplog):
    flags = ["--method", "fbpinn", "--steps", "2", "--polish", "10", "--at", "50,-100"]
    done = command(tmp_path, *flags)
    assert done.exit_code == 0, done.output
    wave = TrainedWavefield.load(tmp_path / "wave.safetensors")
    assert wave(np.array([[50.0, -100.0, 0.0]]))[0, 0] == pytest.approx(1, abs=1e-3)
    assert "residual" in caplog.text + done.output
    again = command(tmp_path, *flags, "--overwrite")
    assert again.exit_code == 2
    assert "already holds a training" in again.output
    assert command(tmp_path, *flags, "--overwrite", "--resume").exit_code == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--method", "magic"], "least-squares, fbpinn, adam"),
        (["--at", "500,0"], "outside the model"),
        (["--at", "500"], "depth and x"),
        (["--steps", "5"], "no steps to set"),
        (["--resume"], "no steps to set or to resume"),
        (["--width", "-3"], "width is -3 m"),
        (["--width", "1"], "features"),
    ],
)
def test_command_line_refuses_in_one_line(tmp_path, flags, words):
    done = command(tmp_path, *flags)
    assert done.exit_code == 2
    assert words in done.output
    assert done.output.strip().count("\n") == 0
