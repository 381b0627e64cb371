"""The report reads a run directory and writes one page that stands alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from seisinv.core import RunError
from seisinv.report import summary, write_report
from seisinv.report.certainty import certainties
from seisinv.runs import read_run

SHAPE, SPACING = (21, 41), 25.0


def fabricate(directory: Path, *, truth: bool = True, gathers: bool = True) -> Path:
    """Write a small run directory as the inversion does."""
    directory.mkdir(parents=True)
    z = np.arange(SHAPE[0])[:, None] * SPACING
    x = np.arange(SHAPE[1])[None] * SPACING
    start = (1500 + 0.8 * z + 0 * x).astype(np.float32)
    true = (start + 150 * np.sin(x / 150) * np.sin(z / 120)).astype(np.float32)
    place = {"spacing": np.array([SPACING, SPACING]), "origin": np.zeros(2)}
    np.savez(directory / "start.npz", vp=start, **place)
    np.savez(directory / "model.npz", vp=0.7 * true + 0.3 * start, **place)
    if truth:
        np.savez(directory / "truth.npz", vp=true, **place)
    time = np.arange(151) * 4e-3
    wavelet = (1 - 2 * (np.pi * 8 * (time - 0.15)) ** 2) * np.exp(-((np.pi * 8 * (time - 0.15)) ** 2))
    np.savez(directory / "wavelets.npz", **{"003.00Hz": wavelet, "006.00Hz": np.roll(wavelet, 2)}, dt=4e-3)
    if gathers:
        offsets = np.linspace(-500, 500, 31)[None]
        arrival = 0.05 + np.abs(offsets) / 1800
        observed = np.exp(-(((time - arrival[..., None]) / 0.02) ** 2)).astype(np.float32)
        np.savez(
            directory / "gathers.npz",
            observed=observed,
            before=0.4 * observed,
            after=0.9 * observed,
            offsets=offsets,
            live=np.ones((1, 31), bool),
            shots=np.array([4]),
            dt=4e-3,
            start=0.0,
        )
    records = [
        {
            "band": band,
            "iteration": i,
            "misfit": band * 0.7**i,
            "penalty": 0.0,
            "gradient_norm": 1.0,
            "solves": 12 * k + 4 * i,
            "seconds": 30.0 * (k + 1),
            "model_rmse": 100.0 - 10 * k - i if truth else None,
        }
        for k, band in enumerate((3.0, 6.0))
        for i in range(3)
    ]
    (directory / "history.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    settings = '[run]\nseed = 1\nnote = "<script>alert(1)</script>"\n\n[versions]\nseisinv = "0.1.0"\n'
    (directory / "run.toml").write_text(settings)
    return directory


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(fabricate(tmp_path_factory.mktemp("runs") / "line 12 <b>"))


def test_page_stands_alone_and_leaves_no_parts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", text), "the page must not load anything"
    assert "http" not in text.split("<body>")[1]
    assert text.count("data:image/png;base64,") == len(list((page.parent / "figures").glob("*.png"))) >= 5
    assert not list(page.parent.rglob("*.part"))


def test_text_from_the_run_is_escaped(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "<script>" not in text
    assert "line 12 &lt;b&gt;" in text


def test_model_error_is_the_headline(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.search(r"P velocity error \(RMSE\).*20\.4 m/s.*was 68\.1 m/s at the start \(-70%\)", text, re.DOTALL)


def with_ensemble(run: Path, *, calibration: float = 1.0) -> Path:
    """Put an ensemble of five into a fabricated run, its top rows water that none has changed."""
    with np.load(run / "start.npz") as kept:
        start = kept["vp"]
    z, x = np.arange(SHAPE[0])[:, None] * SPACING, np.arange(SHAPE[1])[None] * SPACING
    std = np.where(z < 100, 0.0, 20 + 30 * np.abs(np.sin(x / 150) * np.sin(z / 120)))
    with np.load(run / "model.npz") as kept:
        result, place = np.where(z < 100, start, kept["vp"]), {n: kept[n] for n in ("spacing", "origin")}
    np.savez(run / "model.npz", vp=result, **place)
    rest = {"calibration": calibration, "level": 0.8, "seeds": np.arange(5)}
    np.savez(run / "ensemble.npz", vp=result, vp_std=calibration * std, **place, **rest)
    return run


def test_an_ensemble_says_how_certain_the_model_is(tmp_path: Path) -> None:
    run = with_ensemble(fabricate(tmp_path / "run"))
    text = write_report(run).read_text(encoding="utf-8")
    assert '<h2 id="certain">Uncertainty</h2>' in text
    assert (run / "figures" / "uncertainty-vp.png").is_file()
    assert text.count("lower limit") == 1, "what is not calibrated is called so"
    record = read_run(run)
    (c,) = certainties(record)
    below = np.arange(SHAPE[0])[:, None] * SPACING >= 100
    assert record.ensemble is not None
    assert record.truth is not None
    mask = np.broadcast_to(below, SHAPE)
    assert c.coverage == record.ensemble.coverage(record.truth, mask=mask), "water does not count"
    assert c.correlation is not None
    assert c.correlation > 0.9, "the error was made to grow with the spread"
    lines = "\n".join(summary(record))
    assert re.search(r"P velocity uncertainty: ± \d+ m/s, half of the 80% interval .* 5 members, not calibrated", lines)
    assert re.search(r"Truth inside the 80% interval: \d+%, .* rank correlation of spread and error \d\.\d\d", lines)


def test_an_ensemble_needs_no_truth(tmp_path: Path) -> None:
    run = with_ensemble(fabricate(tmp_path / "run", truth=False, gathers=False), calibration=2.5)
    text = write_report(run).read_text(encoding="utf-8")
    assert "times 2.5" in text
    assert "calibration 2.5" in "\n".join(summary(read_run(run)))
    assert "truth inside" not in text
    (run / "ensemble.npz").write_bytes(b"PK\x03\x04 not a whole archive")
    with pytest.raises(RunError, match=r"ensemble\.npz is damaged"):
        read_run(run)


def test_field_data_need_no_truth(tmp_path: Path) -> None:
    page = write_report(fabricate(tmp_path / "run", truth=False)).read_text(encoding="utf-8")
    assert "The true model is not known" in page
    assert "RMSE" not in page


def test_unfinished_run_is_reported(tmp_path: Path) -> None:
    run = fabricate(tmp_path / "run", truth=False, gathers=False)
    for name in ("model.npz", "wavelets.npz", "history.jsonl"):
        (run / name).unlink()
    assert "has not finished an iteration" in write_report(run).read_text(encoding="utf-8")


def test_a_directory_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"holds no run\.toml"):
        read_run(tmp_path)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    run = fabricate(tmp_path / "run")
    (run / "model.npz").write_bytes(b"PK\x03\x04 not a whole archive")
    with pytest.raises(RunError, match=r"model\.npz is damaged"):
        read_run(run)
