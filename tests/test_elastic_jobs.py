"""Elastic waves from the command line: modelled, checked and inverted, with several components and parameters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import seisinv

import seisinv as si
from seisinv import io
from seisinv.compare import Evaluator
from seisinv.core import ConfigError, Gathers
from seisinv.inversion.balance import Balance
from seisinv.inversion.tasks import ShotTask, best_wavelets, misfit_and_gradient, misfit_of_nothing
from seisinv.jobs.config import load, settings_from
from seisinv.jobs.models import mudrock, starting_model
from seisinv.jobs.prepare import prepare
from seisinv.jobs.prepared import method_of, problem_of
from seisinv.jobs.quality import late_shots, looked_at
from seisinv.physics import wave_equation
from seisinv.runs import read_run

GRID = si.Grid((21, 41), 15.0)
ELASTIC = wave_equation("elastic")


def rocks(factor: float = 1.0, grid: si.Grid = GRID) -> si.Model:
    """Two layers; `factor` changes vp."""
    vp, vs, rho = [1800.0 * factor, 2200.0 * factor], [950.0, 1150.0], [2000.0, 2150.0]
    return si.Model.layered(grid, [0.0, 150.0], vp=vp, vs=vs, rho=rho)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with models and data of two components, as the command makes them."""
    place = tmp_path_factory.mktemp("elastic")
    io.write_model(place / "true.npz", rocks())
    io.write_model(place / "start.npz", rocks(0.97))
    code, _, err = seisinv(
        "forward", place / "true.npz", "-o", place / "line.sgy", "--physics", "elastic", "--kind", "fz",
        "--component", "vz", "--component", "vx", "--peak", 6, "--duration", 0.6, "--dt", 0.004,
        "--source-every", 600, "--receiver-every", 30, "--threads", 1, "-q",
    )  # fmt: skip
    assert code == 0, err
    return place


def job(folder: Path, run: Path, more: str = "", **inversion: str) -> Path:
    """Write a job over the data of `folder`."""
    table = {"bands": "[5]", "iterations": "2", "watched": "0"} | inversion
    path = run.with_suffix(".toml")
    path.write_text(
        f"""
        [data]
        path = "{folder / "line.sgy"}"
        [start]
        vp = "{folder / "start.npz"}"
        [grid]
        spacing = 15.0
        [propagator]
        physics = "elastic"
        free_surface = false
        [wavelet]
        kind = "ricker"
        peak = 6.0
        [run]
        directory = "{run}"
        truth = "{folder / "true.npz"}"
        threads = 1
        {more}
        [inversion]
        """
        + "\n".join(f"{key} = {value}" for key, value in table.items())
    )
    return path


def test_forward_writes_every_component_and_the_kind_of_source(folder: Path) -> None:
    line = io.open_line(folder / "line.sgy")
    assert line.components == ("vz", "vx")
    assert line.survey.shots[0].kinds == ("fz",)
    shot = line.survey.shots[0]
    spots = shot.receivers[:21]
    survey = si.Survey.surface(
        sources=np.concatenate([s.sources for s in line.survey.shots]), receivers=spots, wavelet=si.ricker(6),
        duration=0.6, dt=4e-3, kind="fz", components=["vz", "vx"],
    )  # fmt: skip
    expected = si.Propagator(ELASTIC, GRID, survey)(rocks())
    for name in ("vz", "vx"):
        found, wanted = line[:].component(name).data, expected.component(name).data
        assert torch.allclose(found, wanted, rtol=1e-3, atol=1e-3 * float(wanted.abs().max()))  # single precision


def test_a_moment_tensor_is_said_by_a_flag(folder: Path, tmp_path: Path) -> None:
    code, _, err = seisinv(
        "forward", folder / "true.npz", "-o", tmp_path / "m.sgy", "--physics", "elastic", "--kind", "mzz=1,mxx=-1",
        "--component", "az,ux", "--peak", 6, "--duration", 0.2, "--source-every", 600, "--threads", 1, "-q",
    )  # fmt: skip
    assert code == 0, err
    line = io.open_line(tmp_path / "m.sgy")
    assert line.components == ("az", "ux")
    assert line.survey.shots[0].kinds == ({"mzz": 1.0, "mxx": -1.0},)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--physics", "elastic", "--kind", "fzz"], ("--kind", "'fzz'", "did you mean 'fz'")),
        (["--physics", "elastic", "--component", "vzz"], ("--component", "'vzz'", "did you mean 'vz'")),
        (["--component", "vz"], ("--component", "acoustic has no component 'vz'", "elastic")),
        (["--physics", "elastic", "--kind", "mzz=1,mxx"], ("survey.kind", "mzz=1,mxx=-1")),
        (["--physics", "elastic", "--component", "vz,vz"], ("survey.components", "twice")),
        (["--physics", "elastc"], ("elastc", "did you mean elastic")),
        (["--physics", "elastic", "--vs", "1700"], ("vs is 1700 m/s", "0.866 vp")),
        (["--physics", "elastic", "--rho", "2.1"], ("--rho", "g/cm³", "--rho 2100")),
        (["--physics", "elastic", "--peak", "40", "--dt", "0.002"], ("950 m/s", "--peak")),  # of S waves
    ],
)
def test_what_cannot_be_modelled_is_refused_in_one_line(
    folder: Path, tmp_path: Path, flags: list[str], words: tuple[str, ...]
) -> None:
    code, _, err = seisinv("forward", folder / "true.npz", "-o", tmp_path / "out.sgy", *flags)
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert all(word in err for word in words), err
    assert not list(tmp_path.iterdir())


def test_inversion_for_three_parameters_runs_to_its_report(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "run"
    bounds = "{ vp = [1300, 3500], vs = [600, 2000], rho = [1500, 3000] }"
    _, out, _ = seisinv("invert", job(folder, place, bounds=bounds), "-q")  # vs began at the truth: it ends badly
    files = {"vp": "model.sgy", "vs": "model_vs.sgy", "rho": "model_rho.sgy"}
    run = read_run(place)
    rows = [row["misfit"] for row in run.history]
    assert rows[-1] < rows[0]
    for name, file in files.items():
        assert not torch.equal(run.result[name], run.start[name])
        assert torch.equal(io.read_model(place / file, parameter=name)[name], run.result[name])
        assert f"model:  {place / file}" in out
        assert (place / "figures" / f"models-{name}.png").is_file()
    assert list((place / "figures").glob("gather-*-vx-after.png"))
    assert "model_vs.sgy" in (place / "report.html").read_text()


def test_by_default_vp_alone_is_inverted(folder: Path, tmp_path: Path) -> None:
    prepared = prepare(load(job(folder, tmp_path / "run", iterations="1")))
    result = method_of(prepared).run({})
    assert not torch.equal(result.model.vp, result.start.vp)
    assert torch.equal(result.model.vs, rocks().vs)
    assert torch.equal(result.model.rho, rocks().rho)


def test_a_stopped_run_of_several_parameters_is_resumed_to_the_same_model(folder: Path, tmp_path: Path) -> None:
    made = load(job(folder, tmp_path / "run", bounds="{ vp = [1300, 3500], vs = [600, 2000] }"))
    models = []
    for resume in (False, True):
        prepared = prepare(made)
        how = {"run_directory": tmp_path / "run", "resume": resume, "seed": 0}
        models.append(method_of(prepared).run({**how, "configuration": prepared.tables}).model)
        for last in sorted((tmp_path / "run" / "evaluations").glob("00-*"))[-2:]:
            last.unlink()  # as if it had been stopped there
    assert all(torch.equal(models[0][n], models[1][n]) for n in models[0])


def test_check_names_the_slowest_wave_and_what_is_inverted(folder: Path, tmp_path: Path) -> None:
    code, out, err = seisinv("check", job(folder, tmp_path / "run"))
    assert code == 0, err
    assert "inverted: vp; vs and rho keep the starting model" in out
    assert "at 5 Hz and 950 m/s" in out
    assert "vs: that of" in out


def test_the_job_says_what_files_do_not_or_otherwise(folder: Path, tmp_path: Path) -> None:
    path = job(folder, tmp_path / "run", '[survey]\nkind = { fz = 0.5 }\ncomponents = ["vx"]')
    survey = prepare(load(path)).observed.survey
    assert {c for shot in survey.shots for c in shot.components} == {"vx"}
    assert {str(kind) for shot in survey.shots for kind in shot.kinds} == {"{'fz': 0.5}"}
    few = prepare(load(path, {"data.every": 2})).observed
    assert few[[0]].survey.shots[0].kinds == ({"fz": 0.5},)
    unsaid = si.Gathers(torch.randn(1, 5, 51), si.Survey.surface(
        sources=si.line(300, 300, every=1, depth=30), receivers=si.line(0, 600, every=150, depth=30), wavelet=None,
        duration=0.2, dt=4e-3))  # fmt: skip
    io.write_segy(tmp_path / "unsaid.sgy", unsaid)
    path.write_text(path.read_text().replace(str(folder / "line.sgy"), str(tmp_path / "unsaid.sgy")))
    assert set(prepare(load(path)).observed.survey.shots[0].components) == {"vx"}
    with pytest.raises(ConfigError, match="different components"):
        prepare(load(path, {"data.component": "vz"}))


def test_every_component_weighs_the_same(folder: Path, tmp_path: Path) -> None:
    problem = problem_of(prepare(load(job(folder, tmp_path / "run"))))
    sizes = problem.balance.sizes
    assert set(sizes) == {"vz", "vx"}
    parts = {}
    for name in sizes:
        only = Balance(sizes, {n: float(n == name) for n in sizes})
        tasks = problem.tasks(problem.unknown.start)
        parts[name] = sum(misfit_of_nothing(_with(task, only)) for task in tasks)
    assert parts["vz"] == pytest.approx(parts["vx"], rel=1e-6)  # rounding of sums
    whole = sum(misfit_of_nothing(task) for task in problem.tasks(problem.unknown.start))
    assert whole == pytest.approx(sum(parts.values()))


def _with(task: ShotTask, balance: Balance) -> ShotTask:
    return replace(task, shared=replace(task.shared, balance=balance))


def problem(
    components: list[str], *, size: float = 1.0, dtype: torch.dtype = torch.float32, **more: object
) -> si.Inversion:
    """Return a small problem whose data have a size."""
    grid = si.Grid((16, 26), 20.0)
    survey = si.Survey.surface(
        sources=si.line(100, 400, every=300, depth=40), receivers=si.line(0, 500, every=50, depth=200),
        wavelet=lambda t: size * si.ricker(6)(t), duration=0.5, dt=4e-3, kind="fz", components=components,
    )  # fmt: skip
    model = si.Model(grid, vp=2000.0, vs=1100.0, rho=2000.0).to(dtype)
    simulate = si.Propagator(ELASTIC, grid, survey, vp_max=2600)
    limits = {"vp": (1500, 2600), "vs": (700, 1600), "rho": (1000, 3000)}
    observed = simulate(model.replace(vp=2060.0 + 0 * model.vp))
    return si.Inversion(propagator=simulate, observed=observed, unknown=si.unknowns.Bounded(model, **limits), **more)


def gradient_of(p: si.Inversion) -> dict[str, np.ndarray]:
    (task,) = p.tasks(p.unknown.start, wanted=["vp", "vs", "rho"])
    return dict(misfit_and_gradient(task).gradient)


def test_one_component_of_a_usual_size_is_compared_as_it_is() -> None:
    assert problem(["p"]).balance is None
    assert "components" not in problem(["p"]).fingerprint(si.LBFGS(1), (None,), 0)


@pytest.mark.parametrize("components", [["vz"], ["p", "vz"]])
def test_gradients_of_tiny_data_keep_their_digits(components: list[str]) -> None:
    exact = gradient_of(problem(components, size=1e-5, dtype=torch.float64))
    found = gradient_of(problem(components, size=1e-5))
    for name, g in found.items():
        # Rounding of single precision; without the division vp is off by a third.
        assert np.linalg.norm(g - exact[name]) < 1e-4 * np.linalg.norm(exact[name]), name


def test_weights_and_components_belong_to_the_identity_of_a_run() -> None:
    prints = [
        problem(["p", "vz"], weights=w).fingerprint(si.LBFGS(1), (None,), 0) for w in ({}, {"vz": 1.0}, {"vz": 0.5})
    ]
    assert prints[0] == prints[1]
    assert {k for k in prints[0] if prints[0][k] != prints[2][k]} == {"components"}


def test_a_weight_of_a_component_that_nothing_measures_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'px'.*p, vz"):
        problem(["p", "vz"], weights={"px": 1.0}).balance  # noqa: B018


def test_the_wavelet_is_estimated_from_all_components_alike() -> None:
    p = problem(["p", "vz"], wavelet="estimate")
    loud = torch.tensor([1.0 if c == "p" else 3.0 for c in p.observed.survey.shots[0].components])
    p = replace(p, observed=p.observed.replace(data=p.observed.data * loud[:, None]))
    model = p.unknown.start.replace(vp=2060.0 + 0 * p.unknown.start.vp)
    (task,) = p.tasks(model)
    (alone,) = problem(["p"], wavelet="estimate").tasks(model)
    found, source = (best_wavelets(t)[0, 0] for t in (task, alone))
    # Σ w_c g d / Σ w_c g² of g, d = 1, 1 with w = 1, and 1, 3 with w = 1/9; p alone, a million times larger, says 1.
    assert float(found @ source / (source @ source)) == pytest.approx(1.2, abs=0.05)


def test_vs_follows_vp_on_the_mudrock_line_and_is_said() -> None:
    settings = settings_from({"start": {"vp": 2520.0}, "propagator": {"physics": "elastic"}})
    notes: list[str] = []
    model = starting_model(settings, ELASTIC, GRID, notes)
    assert float(model.vs.min()) == pytest.approx(1000.0)  # (2520 − 1360) / 1.16
    assert any("Castagna" in note for note in notes)
    assert any("Gardner" in note for note in notes)
    assert mudrock(1500.0) == 0
    assert float(mudrock(11000.0)) <= 11000 / 2**0.5


def test_parameters_that_the_wave_equation_lacks_are_said_or_refused() -> None:
    notes: list[str] = []
    starting_model(settings_from({"start": {"vp": 2000.0, "vs": 900.0}}), wave_equation("acoustic"), GRID, notes)
    assert any("start.vs is not used" in note for note in notes)
    with pytest.raises(ConfigError, match=r"elastic_sh has only vs and rho; .*vs"):
        starting_model(settings_from({"start": {"vp": 2000.0}}), wave_equation("elastic_sh"), GRID, [])


def test_vs_above_what_rocks_have_is_said() -> None:
    notes: list[str] = []
    settings = settings_from({"start": {"vp": 2000.0, "vs": 1500.0}})
    starting_model(settings, ELASTIC, GRID, notes)
    assert any("vs is above vp / √2" in note for note in notes)


def test_models_within_bounds_are_those_of_solids() -> None:
    start = si.Model(GRID, vp=2000.0, vs=1500.0, rho=2000.0)
    low = si.unknowns.Bounded(start, vp=(1000, 3000))
    assert float(low.model(torch.from_numpy(0.6 * low.vector())).vp.min()) == pytest.approx(1500 / 0.866)
    both = si.unknowns.Bounded(start, vp=(1000, 3000), vs=(500, 2500))
    assert float(both.model(torch.from_numpy(0.6 * both.vector())).vs.min()) == pytest.approx(900)
    x = both.vector().reshape(both.shape).copy()
    x[0] *= 0.6
    assert float(both.model(torch.from_numpy(x.ravel())).vs.max()) == pytest.approx(0.866 * 1200)


def test_sh_waves_are_inverted_for_vs(tmp_path: Path) -> None:
    grid = si.Grid((16, 31), 20.0)
    io.write_model(tmp_path / "vs.sgy", si.Model(grid, vs=1000.0), parameter="vs")
    waves = ["--physics", "elastic_sh", "--peak", 6, "--threads", 1, "-q"]
    code, _, err = seisinv(
        "forward", tmp_path / "vs.sgy", "-o", tmp_path / "sh.sgy", "--duration", 0.6, "--source-every", 200, *waves
    )
    assert code == 0, err
    code, out, err = seisinv(
        "invert", tmp_path / "sh.sgy", "--vs", 980, "--bands", 5, "--iterations", 1, "--spacing", 20, "--depth", 300,
        "--no-free-surface", "-d", tmp_path / "run", *waves,
    )  # fmt: skip
    assert code == 0, out + err
    assert io.read_model(tmp_path / "run" / "model.sgy", parameter="vs").vs.shape[0] == 16
    assert set(read_run(tmp_path / "run").result) == {"vs", "rho"}


def three_components(*, late: int | None = None) -> Gathers:
    """Return direct waves on vz and vx, station by station; one shot may be late."""
    shots = []
    for number, x in enumerate(np.arange(100.0, 901.0, 100.0), 1):
        spots = si.line(0, 1000, every=25, depth=0).repeat(2, axis=0)
        shots.append(si.core.Shot([[0.0, x]], spots, number, components=("vz", "vx") * (len(spots) // 2)))
    survey = si.Survey(tuple(shots), si.TimeAxis(2e-3, 401))
    arrival = np.abs(survey.offsets) / 2000.0 + 0.05
    if late is not None:
        arrival[late] += 0.08
    amplitude = np.where(np.arange(survey.max_receivers) % 2, -1e-3, 1.0)[None, :, None]
    data = amplitude * si.ricker(25, delay=0.0)(survey.time.times - arrival[..., None])
    return Gathers(torch.from_numpy(data), survey)


def test_late_shots_are_found_on_one_component() -> None:
    assert set(late_shots(three_components(late=4))) == {4}
    assert not late_shots(three_components())


def test_bad_traces_are_found_in_each_component_by_itself() -> None:
    gathers = three_components()
    assert not looked_at(gathers)[1].any()
    data = gathers.data.clone()
    data[:, 31] *= -1  # of vx, between traces of vz
    found, bad = looked_at(gathers.replace(data=data))
    assert np.flatnonzero(bad.all(axis=0)).tolist() == [31]
    assert any(note.startswith("vx: reversed") for note in found.notes)


def test_a_model_of_another_wave_equation_is_evaluated_with_what_it_lacks_from_the_start() -> None:
    p = problem(["p"])
    found = Evaluator(problem=p).predict(si.Model(p.unknown.start.grid, vp=1200.0))  # vs of the start is 1100 m/s
    assert found.misfit > 0
