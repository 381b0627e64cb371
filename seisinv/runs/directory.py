"""The run directory: every file appears whole or not at all, and expensive results are kept for resuming."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seisinv.core import Model, RunError
from seisinv.core.files import write_whole

Arrays = Mapping[str, np.ndarray]


@dataclass
class RunDirectory:
    """A directory that belongs to one job; without a path nothing is kept.

    Resuming replays the optimiser from the start and answers every expensive question from `evaluations/` as long as
    the question (a hash of its inputs) is the one that was asked; the numbers are then those of a run never stopped.
    """

    path: Path | None
    replayed: int = field(default=0, init=False)

    @classmethod
    def open(
        cls, path: Path | str | None, *, fingerprint: Mapping[str, str], settings: Mapping[str, Any], resume: bool
    ) -> RunDirectory:
        """Create the directory of a new job, or check that an existing one belongs to this job.

        Raises
        ------
        RunError
            If a run is there already and `resume` is False, if it belongs to another job, or if it cannot be written.
        """
        if path is None:
            return cls(None)
        self = cls(Path(path))
        if self._file("run.toml").exists():
            if not resume:
                raise RunError(f"{path} already holds a run; resume it (resume=True), or choose another directory")
            self._check_owner(fingerprint)
            self._sweep()
            return self
        if (self._file("evaluations")).exists() or (self._file("model.npz")).exists():
            raise RunError(f"{path} holds results but no run.toml; choose another directory")
        try:
            Path(path).mkdir(parents=True, exist_ok=True)  # its folders come after run.toml, which lets it be resumed
        except OSError as error:
            raise RunError(f"cannot create the run directory {path}: {error.strerror}; choose another place") from None
        self.write_record({**settings, "job": {**settings.get("job", {}), "fingerprint": dict(fingerprint)}})
        return self

    def write_record(self, record: Mapping[str, Any]) -> None:
        """Write run.toml."""
        self.write("run.toml", _toml(record))

    def kept(self, name: str, key: str, compute: Callable[[], Arrays]) -> dict[str, np.ndarray]:
        """Return the arrays kept under `name`, computing and keeping them first if they are not there.

        Raises
        ------
        RunError
            If arrays are there, but for another question than `key`.
        """
        if self.path is None:
            return dict(compute())
        file = self._file(f"evaluations/{name}.npz")
        if file.exists():
            arrays = _load(file)
            if str(arrays.pop("key")) != key:
                raise RunError(
                    f"{file} answers another question than this run asks: the optimiser took another path, as after a "
                    "change of numpy, scipy or threads; start a new run directory"
                )
            self.replayed += 1
            return arrays
        arrays = dict(compute())
        self.write_npz(f"evaluations/{name}.npz", key=np.array(key), **arrays)
        return arrays

    def write_npz(self, name: str, **arrays: np.ndarray) -> None:
        """Write an .npz file atomically."""
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        self.write(name, buffer.getvalue())

    def write_model(self, name: str, model: Model) -> None:
        """Write a model: parameters by name, spacing and origin, SI units."""
        arrays = {n: model[n].detach().cpu().numpy() for n in model}
        self.write_npz(name, **arrays, spacing=np.array(model.grid.spacing), origin=np.array(model.grid.origin))

    def accepted_before(self) -> int:
        """Return how many accepted iterations history.jsonl holds already."""
        if self.path is None or not self._file("history.jsonl").exists():
            return 0
        return self._file("history.jsonl").read_bytes().count(b"\n")

    def write_history(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write history.jsonl."""
        self.write("history.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode())

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        if self.path is None:
            return
        file = self._file(name)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, content)
        except OSError as error:
            raise RunError(
                f"cannot write {file}: {error.strerror}; free some space or permit writing, then resume the run"
            ) from None

    def _file(self, name: str) -> Path:
        assert self.path is not None  # callers have checked
        return self.path / name

    def _sweep(self) -> None:
        assert self.path is not None  # callers have checked
        for leftover in [*self.path.glob(".*.part"), *self.path.glob("*/.*.part")]:
            leftover.unlink(missing_ok=True)

    def _check_owner(self, fingerprint: Mapping[str, str]) -> None:
        recorded = read_record(self._file("run.toml")).get("job", {}).get("fingerprint", {})
        names = [n for n in {**recorded, **fingerprint} if recorded.get(n) != fingerprint.get(n)]
        if names:
            raise RunError(
                f"{self.path} belongs to another job: {', '.join(names)} differ{'s' if len(names) == 1 else ''}; "
                "resume with the settings it was started with, or choose another directory"
            )


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
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read {path}: {error}; is this a run directory?") from None


def _load(file: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(file) as arrays:
            return dict(arrays)
    except (OSError, ValueError, EOFError) as error:
        raise RunError(f"cannot read {file}: {error}; delete that file and resume to compute it again") from None


def _toml(value: Mapping[str, Any]) -> bytes:
    import tomli_w

    return tomli_w.dumps(_plain(value)).encode()


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
