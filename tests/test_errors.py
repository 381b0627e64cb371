"""Errors are data: they name arguments as objects, which Python and the command line write in their own ways."""

from __future__ import annotations

import ast
import copy
import logging
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import seisinv
from io_files import noise, segy_bytes, spread, written

import seisinv as si
from seisinv import io
from seisinv.cli import flags
from seisinv.cli.flags import EVERY_JOB, FLAGS, HEADERS, INVERSION, as_flag, setting, taken
from seisinv.cli.guard import with_flags
from seisinv.core import Argument, Code, ConfigError, Message, SeisinvError
from seisinv.jobs import config

PACKAGE = Path(si.__file__).parent
GRID = si.Grid((5, 6), 10.0)


def raw(folder: Path) -> Path:
    path = folder / "vp.bin"
    path.write_bytes(bytes(range(240)) * 1)
    return path


def npy(folder: Path, value: float = 2000.0) -> Path:
    np.save(folder / "vp.npy", np.full(GRID.shape, value))
    return folder / "vp.npy"


def model(folder: Path, name: str) -> Path:
    path = folder / name
    io.write_model(path, si.Model(GRID, rho=2000.0), parameter="rho")
    return path


def fast(folder: Path) -> None:
    survey = si.Survey.surface(
        sources=si.line(0, 0, every=10), receivers=si.line(0, 50, every=10), wavelet=si.ricker(5), duration=0.4, dt=4e-3
    )
    si.Propagator(si.Acoustic(), GRID, survey, vp_max=1900.0)(si.Model(GRID, vp=2000.0))


def outside(folder: Path) -> None:
    receivers = si.line(0, 90, every=10)
    si.Survey.surface(sources=receivers, receivers=receivers, wavelet=None, duration=1.0, dt=4e-3).check_inside(GRID)


def lines(folder: Path, **headers: object) -> Path:
    changed = {int(byte[1:]): value for byte, value in headers.items()}
    return written(folder, segy_bytes({**spread(), **changed}, noise()))


# What raises each error that names arguments, and a word that its user must see.
RAISED: dict[str, tuple[Callable[[Path], object], str]] = {
    "angles": (lambda f: io.open_line(lines(f, b89=3, b73=7, b81=8)), "--coordinate-units length"),
    "missing": (lambda f: io.open_line(lines(f, b73=0, b81=0)), "--header source_x=181"),
    "one place": (lambda f: io.open_line(lines(f, b9=[1, 1, 1, 2, 2, 2], b73=77)), "--shots-by position"),
    "interval": (lambda f: io.open_line(written(f, segy_bytes(spread(), noise(), interval=0))), "sample_interval=500"),
    "units": (lambda f: io.open_line(f, units="yards"), "--units is 'yards'"),
    "datum": (lambda f: io.open_line(f, datum=np.inf), "--datum is inf m"),
    "field": (lambda f: io.open_line(f, headers={"sorce_x": 73}), "--header names 'sorce_x'"),
    "byte": (lambda f: io.open_line(f, headers={"source_x": 74}), "--header maps source_x to byte 74"),
    "spacing": (lambda f: io.read_model(npy(f)), "--model-spacing METRES"),
    "km/s": (lambda f: io.read_model(npy(f, 2.0), spacing=10.0), "--set start.units=km/s"),
    "raw": (lambda f: io.read_model(raw(f)), "--set start.shape=…"),
    "order": (lambda f: io.read_model(raw(f), shape=(5, 6), spacing=10.0), "start.layout"),
    "layout": (lambda f: io.read_model(raw(f), layout="yx"), "start.layout is 'yx'"),
    "dtype": (lambda f: io.read_model(raw(f), shape=(5, 6), layout="xz", dtype="f5"), "start.dtype is 'f5'"),
    "every": (lambda f: io.read_model(npy(f), every=0), "start.every is 0"),
    "velocity": (lambda f: io.read_model(npy(f), units="mph"), "start.units is 'mph'"),
    "parameter": (lambda f: io.read_model(model(f, "rho.sgy")), "holds rho, not vp"),
    "existing": (lambda f: io.write_model(npy(f), si.Model(GRID, vp=2000.0)), "vp.npy exists"),
    "bounds": (lambda f: si.Bounded(si.Model(GRID, vp=2000.0), vp=(2100.0, 3000.0)), "--vp-min or --vp-max"),
    "fast": (fast, "raise propagator.vp_max"),
    "outside": (outside, "grid.shape"),
}

# An argument as Python has it: name="text", name=…, name={, name=True. On the command line only a flag precedes it.
PYTHON = re.compile(r"(?<![\w.=-])(?<!--set )(?<!--header )(?<!--value )[a-z_]\w*=[\"'{(…\w]")


@pytest.fixture(params=[(*INVERSION, *EVERY_JOB), HEADERS, ()], ids=["invert", "info", "other"])
def command(request: pytest.FixtureRequest) -> Iterator[tuple[str, ...]]:
    """Keys of the flags that the running command takes."""
    token = taken.set(request.param)
    yield request.param
    taken.reset(token)


@pytest.mark.parametrize("name", RAISED)
def test_the_command_line_writes_arguments_as_flags(name: str, tmp_path: Path, command: tuple[str, ...]) -> None:
    provoke, word = RAISED[name]
    with pytest.raises(SeisinvError) as caught:
        provoke(tmp_path)
    shown = caught.value.rendered(as_flag).replace(str(tmp_path), "")
    assert not PYTHON.search(shown), shown
    assert "\n" not in shown
    known = {flag.name: flag.key for flag in FLAGS.values()}
    for flag in re.findall(r"--[a-z][\w-]*", shown):
        assert known[flag] in command, f"{shown}: this command has no {flag}"
    for key in re.findall(r"(?<![\w/])(?:start|grid|data|propagator|inversion)\.[a-z_.]+", shown):
        assert setting(key) or setting(key.rpartition(".")[0]), f"{shown}: no setting {key}"
    if EVERY_JOB[0] in command:
        assert word in shown


def test_remarks_are_written_as_flags_too(tmp_path: Path, command: tuple[str, ...]) -> None:
    found = io.describe(lines(tmp_path, b41=[5, 5, 5, 5, 5, 9]))
    text = with_flags(io.info_text(found)).replace(str(tmp_path), "")
    assert 'vertical="depth"' in io.info_text(found)
    assert "--datum" in text or not command
    assert "--vertical depth if" in text or not command
    assert not PYTHON.search(text) or not command


def test_every_argument_is_a_flag_or_a_setting() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Argument"):
                continue
            key = node.args[0]
            text = key.value if isinstance(key, ast.Constant) else key.values[0].value.rstrip(".")  # type: ignore[attr-defined]
            assert text in FLAGS or setting(text) or text in si.jobs.settings.Settings.model_fields, f"{path}: {text}"


def test_every_flag_is_a_setting_or_says_what_it_is() -> None:
    for flag in FLAGS.values():
        bound = flag.key.removesuffix(".low").removesuffix(".high")
        assert setting(flag.key) or "." not in flag.key or setting(bound.rpartition(".")[0])
        assert flag.help or setting(flag.key).description  # type: ignore[union-attr]


def test_errors_keep_their_data() -> None:
    error = ConfigError(
        argument=Argument("grid.depth"),
        value=5.0,
        unit="m",
        limit="it must be positive",
        remedy="raise it",
        file="a.sgy",
    )
    assert str(error) == "a.sgy: depth is 5 m; it must be positive; raise it"
    for same in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert type(same) is ConfigError
        assert (str(same), same.value, same.argument) == (str(error), 5.0, Argument("grid.depth"))
        assert same.rendered(lambda part: "--depth") == "a.sgy: --depth is 5 m; it must be positive; raise it"
    inside = error.within("compare.run 'TV'")
    assert str(inside) == "compare.run 'TV': a.sgy: depth is 5 m; it must be positive; raise it"
    assert (inside.value, inside.rendered(lambda part: "--depth").count("--depth")) == (5.0, 1)
    assert str(error.replace(file="b.sgy")).startswith("b.sgy: depth")
    assert str(ConfigError("a plain sentence")) == "a plain sentence"


def test_remedies_that_cannot_be_typed_are_left_out() -> None:
    error = ConfigError("it is outside", remedy=(Message("call ", Code("f(x)")), "move it"))
    assert str(error) == "it is outside; call f(x), or move it"
    assert error.rendered(as_flag) == "it is outside; move it"


def test_logged_remarks_read_as_python_without_the_command_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "seisinv"):
        logging.getLogger("seisinv").info("%s: %s", "a.sgy", Message("pass ", Argument("data.units", "feet")))
    assert caplog.messages == ['a.sgy: pass units="feet"']
    assert flags.FLAGS["data.units"].name == "--units"


def test_control_characters_never_reach_the_terminal(tmp_path: Path) -> None:
    error = ConfigError("a\x1b[2J\nb\u202e", remedy="c\td", file="e\udcff.sgy")
    others = error.within("f\x07"), error.replace(value=1)
    for text in (str(error), error.message, error.rendered(as_flag), *map(str, others)):
        assert text.isprintable()
        assert "a\\x1b[2J\\nb\\u202e" in text
    assert str(ConfigError("naïve 3 × 10⁹ m³, λ/2 — “x”")) == "naïve 3 × 10⁹ m³, λ/2 — “x”"
    (tmp_path / "job.toml").write_text('"a\\n\\u001b[2Jb" = 1\n')
    code, _, stderr = seisinv("check", tmp_path / "job.toml")
    assert (code, stderr.count("\n")) == (2, 1)
    assert "a\\n\\x1b[2Jb is unknown" in stderr


@pytest.mark.parametrize("value", ["[" * 3000 + "]" * 3000, "9" * 5000])
def test_jobs_nest_and_count_only_so_far(tmp_path: Path, value: str) -> None:
    (tmp_path / "job.toml").write_text(f"[run]\nseed = {value}\n")
    with pytest.raises(ConfigError, match="not valid TOML"):
        config.load(tmp_path / "job.toml")
    assert config.parse_setting(f"run.seed={value}") == ("run.seed", value)


def test_errors_quote_long_values_in_part() -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(None, {"run.seed": "x" * 10_000})
    assert len(str(caught.value)) < 300
