"""Settings: unknown keys suggest the near one, errors are one line, everything is printed and read back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import tomli_w

from seisinv.core import ConfigError
from seisinv.jobs import config

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def write(folder: Path, text: str) -> Path:
    path = folder / "job.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[inversion]\niteratons = 5", ["inversion.iteratons is unknown", "did you mean inversion.iterations?"]),
        ("[inversion]\nspacing = 5", ["inversion.spacing is unknown", "did you mean", "grid.spacing?"]),
        ("[invresion]\niterations = 5", ["invresion is unknown", "did you mean inversion?"]),
        ("[ensemble]\nmembers = 0", ["ensemble.members is 0", "1 or more", "no ensemble"]),
        ("[ensemble]\nmembers = 1.5", ["ensemble.members is 1.5", "whole number"]),
        ("[ensemble]\nlevel = 90", ["ensemble.level is 90", "less than 1", "0 to 1"]),
        ("[ensemble]\ncalibration = 0", ["ensemble.calibration is 0", "more than 0"]),
        ("[penalty]\nwieght = 1.0", ["did you mean penalty.weight?"]),
        ("[penalty]\nsigmas = [500]", ["penalty.sigmas", "at least 2 values", "m/s"]),
        ("[penalty]\nkind = 'learnt'", ["penalty.kind is 'learnt'", "'learned'"]),
        ("[data]\nqqq = 1", ["data.qqq is unknown", "known here: path, headers"]),
        ("[inversion]\niterations = 'ten'", ["inversion.iterations is 'ten'", "whole number", "per band"]),
        ("[inversion]\niterations = 0", ["inversion.iterations is 0", "1 or more"]),
        ("[inversion]\nmisfit = 'L3'", ["inversion.misfit is 'L3'", "'l2'", "'huber'"]),
        ("[inversion]\nbands = [3, -5]", ["inversion.bands.1 is -5", "more than 0", "Hz"]),
        ("[grid]\nspacing = 0", ["grid.spacing.0 is 0", "more than 0", "m, one value"]),
        ("[grid]\nspacing = nan", ["grid.spacing.0 is nan"]),
        ("[propagator]\norder = 7", ["propagator.order is 7", "2, 4, 6, 8, 10 or 12"]),
        ("[propagator]\nfree_surface = 'yes'", ["propagator.free_surface is 'yes'", "true or false"]),
        ("[run]\nthreads = 1.5", ["run.threads is 1.5", "whole number"]),
        ("data = 3", ["data is 3", "table"]),
        ("[start]\nvp = -1.0", ["start.vp is -1.0", "more than 0"]),
        ("[start]\nvp = 0", ["start.vp is 0", "more than 0"]),
        ("[start]\nvp = true", ["start.vp is True"]),
        ("[inversion]\nbands = [[3, 5, 8]]", ["inversion.bands.0", "at most 2"]),
        ("[data\n", ["not valid TOML", "line 1"]),
    ],
)
def test_mistakes_are_one_line_with_key_and_remedy(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(write(tmp_path, text))
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


def test_flags_override_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "[inversion]\niterations = 3\nmisfit = 'huber'")
    settings = config.load(path, {"inversion.iterations": 7, "inversion.misfit": None})
    assert (settings.inversion.iterations, settings.inversion.misfit) == (7, "huber")


def test_paths_start_from_the_folder_of_the_file(tmp_path: Path) -> None:
    settings = config.load(write(tmp_path, "[data]\npath = 'line.sgy'\n[start]\nvp = 2000.0"))
    assert settings.data.path == [str(tmp_path / "line.sgy")]
    assert settings.start.vp == 2000.0


def test_paths_of_every_section_are_anchored(tmp_path: Path) -> None:
    values = {"wavelet.path": "w.txt", "run.truth": "t.npz", "start.vp": 2000.0, "data.path": ["a.sgy"]}
    values |= {"penalty.weights": "w.safetensors"}
    assert config.anchored(values, tmp_path) == {
        "wavelet.path": str(tmp_path / "w.txt"),
        "run.truth": str(tmp_path / "t.npz"),
        "start.vp": 2000.0,
        "data.path": [str(tmp_path / "a.sgy")],
        "penalty.weights": str(tmp_path / "w.safetensors"),
    }
    settings = config.load(write(tmp_path, "[wavelet]\nkind = 'file'\npath = 'w.txt'"))
    assert settings.wavelet.path == str(tmp_path / "w.txt")


def test_everything_is_printed_and_reads_back_as_the_same_job(tmp_path: Path) -> None:
    settings = config.load(None, {"data.path": "a.sgy", "inversion.bands": [3.0, 5.0], "grid.spacing": 10.0})
    tables = config.dump(settings)
    assert tables["propagator"]["order"] == 8
    assert tables["penalty"]["kind"] == "none"
    text = tomli_w.dumps({**tables, "versions": {"seisinv": "0"}})
    again = config.load(write(tmp_path, text))
    assert config.settings_from(config.dump(again), {"data": {"path": ["a.sgy"]}}) == settings
    assert tomllib.loads(text)["inversion"]["bands"] == [3.0, 5.0]


def test_setting_on_the_command_line_is_toml_or_text() -> None:
    assert config.parse_setting("inversion.bands=[3, 5]") == ("inversion.bands", [3, 5])
    assert config.parse_setting("inversion.misfit=huber") == ("inversion.misfit", "huber")
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        config.parse_setting("nonsense")


def test_every_key_says_what_it_is() -> None:
    silent = [key for key in config._all_keys() if len(key) > 1 and config._description(list(key)) is None]
    obvious = {"misfit", "optimizer", "penalty", "kind", "sources", "receivers", "seed"}
    assert {key[-1] for key in silent} <= obvious


def test_what_overrides_a_key_replaces_it(tmp_path: Path) -> None:
    """A table that is a value, such as bounds, is replaced whole; only a longer key reaches into it."""
    bounds = "[inversion]\nbounds = { vp = [1500.0, 3000.0], rho = [1900.0, 2300.0] }\n"
    path = write(tmp_path, bounds + "[data]\nheaders = { source_x = 181 }\n")
    only = config.load(path, {"inversion.bounds": {"vp": [1600.0, 2500.0]}, "data.headers": {"group_x": 185}})
    assert only.inversion.bounds == {"vp": [1600.0, 2500.0]}
    assert only.data.headers == {"group_x": 185}
    assert set(config.load(path, {"inversion.bounds.vp": [1600.0, 2500.0]}).inversion.bounds) == {"vp", "rho"}


def test_overrides_do_not_hide_that_a_table_is_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="data is 3"):
        config.load(write(tmp_path, "data = 3"), {"data.every": 2})


def test_overrides_may_use_former_names(tmp_path: Path) -> None:
    path = write(tmp_path, "[pinn]\ntrust = 5.0\n")
    found = config.load(path, {"pinn.spare": 3.0, "inversion.method": "pinn", "ladder.attempts": 2})
    assert (found.reconstruction.data_weight, found.reconstruction.oversampling) == (5.0, 3.0)
    assert (found.inversion.method, found.continuation.attempts) == ("reconstruction", 2)
