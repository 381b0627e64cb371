"""Inverts a line of a known model by the command line alone: the SEG-Y file, the starting model, nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import seisinv as si
from seisinv.core.resampling import regrid
from seisinv.metrics import metrics


def invert(inputs: Path, directory: Path, options: list[str]) -> None:
    """Invert line.sgy from start.npz, or go on with it; print the errors of both against truth.npz.

    Parameters
    ----------
    inputs : Path
        Folder of the three files.
    directory : Path
        Of the run.
    options : list of str
        More options, such as --effort=quick.
    """
    command = [str(Path(sys.executable).with_name("seisinv")), "invert"]
    if (directory / "run.toml").exists():
        command += ["--resume", str(directory)]
    else:
        files = (inputs / "line.sgy", "--start", inputs / "start.npz", "--truth", inputs / "truth.npz")
        command += [*map(str, files), "--directory", str(directory), *options]
    print("$", *command, flush=True)
    subprocess.run(command, check=False)
    truth, start = (si.io.read_model(inputs / f"{name}.npz") for name in ("truth", "start"))
    found = regrid(si.io.read_model(directory / "model.npz"), truth.grid)
    for name, model in (("start", start), ("result", si.Model(truth.grid, vp=found))):
        m = metrics(model, truth, start=start)
        errors = f"RMSE {m.rmse:6.1f} m/s   MAE {m.mae:6.1f} m/s   SSIM {m.ssim:.3f}"
        print(f"{name:7s} {errors}   update correlation {m.update_correlation}")
    cost = directory / "cost.json"
    if cost.exists():
        print(f"{json.loads(cost.read_text())['seconds'] / 60:.1f} minutes of wave equations")
