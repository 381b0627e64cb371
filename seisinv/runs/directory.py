"""The run directory: every file appears whole or not at all, and expensive results are kept for resuming."""

from __future__ import annotations

import io
import json
import os
import platform
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from seisinv.core import Argument, Code, Message, Model, RunError
from seisinv.core.files import write_whole

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Arrays = Mapping[str, np.ndarray]
OTHER = Message("choose another ", Argument("run.directory"))
RECORD = "run.toml"  # settings, versions and fingerprint; the first file of a run


def check_directory(path: Path, *, resume: bool, fingerprint: Mapping[str, str] | None = None) -> None:
    """Refuse a directory that cannot hold a new run, or that holds no run, or another one, to be resumed.

    Parameters
    ----------
    path : Path
    resume : bool
        Whether a run in the directory is to be continued.
    fingerprint : mapping, optional
        Hashes of the inputs of the job by name; those of the run to be resumed must be equal.

    Raises
    ------
    RunError
        With what differs, and what to do instead.
    """
    there = (path / RECORD).exists()
    if path.exists() and not path.is_dir():
        raise RunError(f"{path} is a file, not a directory", remedy=OTHER)
    if there and not resume:
        with_resume = Message("resume it with ", Code("resume=True"))
        remedy = (with_resume, f"resume it with seisinv invert --resume {path}", OTHER)
        raise RunError(f"{path} already holds a run", remedy=remedy)
    if resume and not there:
        raise RunError(f"{path} holds no run to resume (no {RECORD})", remedy="name the directory of a run")
    if not there and any((path / name).exists() for name in ("evaluations", "model.npz", "members")):
        raise RunError(f"{path} holds results but no {RECORD}", remedy=OTHER)
    parent = next((p for p in (path, *path.absolute().parents) if p.exists()), path)
    if not parent.is_dir():
        raise RunError(f"cannot create the run directory {path}: {parent} is a file", remedy=OTHER)
    if not os.access(parent, os.W_OK):
        raise RunError(f"cannot write to the run directory {path}: permission denied", remedy=OTHER)
    if there and fingerprint is not None:
        _check_owner(path, fingerprint)


def _check_owner(path: Path, fingerprint: Mapping[str, str]) -> None:
    recorded = read_record(path / RECORD).get("job", {}).get("fingerprint", {})
    names = [n for n in {**recorded, **fingerprint} if recorded.get(n) != fingerprint.get(n)]
    if not names:
        return
    remedy = ["resume it with the settings it was started with"]
    model = next((p for n in ("model.sgy", "model.npz") if (p := path / n).exists()), None)
    if model is not None:
        remedy.append(f"start a new run from its result (--start {model} --directory NEW)")
    differ = f"{', '.join(names)} differ{'s' if len(names) == 1 else ''}"
    raise RunError(
        f"{path} belongs to another job: {differ}", limit="a run cannot be extended or changed", remedy=remedy
    )


@dataclass
class RunDirectory:
    """A directory that belongs to one job; without a path nothing is kept.

    Resuming repeats the optimiser from the start and takes every expensive result from `evaluations/`, as long as its
    key (a hash of its inputs) is the same; the numbers are then those of a run that was never stopped.

    Parameters
    ----------
    path : Path or None
    replayed : int
        Number of results that were found in the directory.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from pathlib import Path
    >>> from seisinv.runs import RunDirectory
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for resume in (False, True):
    ...         run = RunDirectory.open(Path(folder, "run"), fingerprint={"data": "3f2a"}, settings={}, resume=resume)
    ...         kept = run.kept("00-00000", "key", lambda: {"misfit": np.array(0.5)})
    ...         print(float(kept["misfit"]), run.replayed)
    0.5 0
    0.5 1
    """

    path: Path | None
    replayed: int = field(default=0, init=False)

    @classmethod
    def open(
        cls, path: Path | str | None, *, fingerprint: Mapping[str, str], settings: Mapping[str, Any], resume: bool
    ) -> RunDirectory:
        """Create the directory of a new job, or check that an existing one belongs to this job.

        Parameters
        ----------
        path : path or None
            None: nothing is kept.
        fingerprint : mapping of str
            Hashes of the inputs of the job, by name.
        settings : mapping
            Tables to be recorded in run.toml, where versions are added.
        resume : bool
            Continue the run that the directory holds, if it holds one.

        Returns
        -------
        RunDirectory

        Raises
        ------
        RunError
            If a run is there already and `resume` is False, if it belongs to another job, or if it cannot be written.
        """
        if path is None:
            return cls(None)
        path = Path(path)
        there = (path / RECORD).exists()
        check_directory(path, resume=resume and there, fingerprint=fingerprint)
        self = cls(path)
        if there:
            for leftover in [*path.glob(".*.part"), *path.glob("*/.*.part")]:
                leftover.unlink(missing_ok=True)
        else:
            job = {**settings.get("job", {}), "fingerprint": dict(fingerprint)}
            self.write_record({**settings, "versions": versions(), "job": job})
        return self

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Write run.toml.

        Parameters
        ----------
        record : mapping
            Tables.
        """
        import tomli_w

        self.write(RECORD, tomli_w.dumps(_plain(record)).encode())

    def kept(self, name: str, key: str, compute: Callable[[], Arrays]) -> dict[str, np.ndarray]:
        """Return the arrays kept under `name`, computing and keeping them first if they are not there.

        Parameters
        ----------
        name : str
        key : str
            Hash of the inputs.
        compute : callable
            Returns the arrays.

        Raises
        ------
        RunError
            If arrays are there, but with another key.
        """
        if self.path is None:
            return dict(compute())
        arrays = read_arrays(self.path / f"evaluations/{name}.npz")
        if arrays is not None:
            if str(arrays.pop("key")) != key:
                raise RunError(
                    f"{self.path}/evaluations/{name}.npz was computed for another model than the optimiser has reached "
                    "now, as after a change of numpy, scipy or the number of threads; start a new run directory"
                )
            self.replayed += 1
            return arrays
        arrays = dict(compute())
        self.write_npz(f"evaluations/{name}.npz", key=np.array(key), **arrays)
        return arrays

    def write_npz(self, name: str, **arrays: np.ndarray) -> None:
        """Write an .npz file atomically.

        Parameters
        ----------
        name : str
            Of the file in the directory.
        **arrays : array
        """
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        self.write(name, buffer.getvalue())

    def write_model(self, name: str, model: Model) -> None:
        """Write a model: parameters by name, spacing and origin, SI units."""
        arrays = {n: model[n].detach().cpu().numpy() for n in model}
        self.write_npz(name, **arrays, spacing=np.array(model.grid.spacing), origin=np.array(model.grid.origin))

    def accepted_before(self) -> int:
        """Return the number of accepted iterations that history.jsonl holds already."""
        file = None if self.path is None else self.path / "history.jsonl"
        return file.read_bytes().count(b"\n") if file is not None and file.exists() else 0

    def write_history(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write history.jsonl.

        Parameters
        ----------
        rows : sequence of mapping
        """
        self.write("history.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all.

        Parameters
        ----------
        name : str
            Of the file in the directory.
        content : bytes

        Raises
        ------
        RunError
            If it cannot be written.
        """
        if self.path is None:
            return
        file = self.path / name
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, content)
        except OSError as error:
            raise RunError(
                f"cannot write {file}: {error.strerror}; free some space or permit writing, then resume the run"
            ) from None


def versions() -> dict[str, str]:
    """Return versions of Python, seisinv and the numerical packages, and the machine's kind."""
    found = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for package in ("seisinv", "torch", "numpy", "scipy"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found


def iterate_name(row: int) -> str:
    """Name of the model of a row of the history, in the folder models of a run directory."""
    return f"row-{row:05d}.npz"


def read_record(path: Path) -> dict[str, Any]:
    """Read a run.toml.

    Raises
    ------
    RunError
        If it is missing or damaged.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read: {error}; is this a run directory?") from None


def read_arrays(path: Path) -> dict[str, np.ndarray] | None:
    """Read an .npz file of a run directory, None where it is not there.

    Raises
    ------
    RunError
        If it is damaged.
    """
    if not path.is_file():
        return None
    try:
        with np.load(path) as archive:
            return dict(archive)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(f"{path} cannot be read: {error}; delete it and resume the run to write it again") from None


def _plain(value: Any) -> Any:
    """Make a value TOML can hold: no None, no arrays, no paths."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value if v is not None]
    if isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    return str(value)
