"""The run directory: every file appears whole or not at all, and expensive results are kept for resuming."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from seisinv.backends.compile import toolchain
from seisinv.core import Argument, Code, Message, Model, RunError, SeisinvError
from seisinv.core.arrays import read_npz
from seisinv.core.files import read_toml, reason, write_whole
from seisinv.core.identity import digest
from seisinv.core.memory import available_memory

Arrays = Mapping[str, np.ndarray]
OTHER = Message("choose another ", Argument("run.directory"))
RECORD = "run.toml"  # settings, versions and fingerprint; the first file of a run
WITH_FORMER = "resume it with the software it was begun with"
LOCK = ".lock"  # held by the process that works in a directory
COSTS = ("seconds", "cpu_seconds", "recomputed")  # of a result; they differ whenever it is computed
log = logging.getLogger("seisinv.run")


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
    differ = f"{', '.join(names)} differ{'s' if len(names) == 1 else ''}"
    raise RunError(
        f"{path} belongs to another job: {differ}",
        limit="a run cannot be extended or changed",
        remedy=["resume it with the settings and data it was started with", *_from_result(path)],
    )


def _from_result(path: Path) -> list[str]:
    model = next((p for n in ("model.sgy", "model.npz") if (p := path / n).exists()), None)
    return [] if model is None else [f"start a new run from its result (--start {model} --directory NEW)"]


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
    ...         job = {"fingerprint": {"data": "3f2a"}, "settings": {}, "resume": resume}
    ...         with RunDirectory.open(Path(folder, "run"), **job) as run:
    ...             kept = run.kept("00-00000", "key", lambda: {"misfit": np.array(0.5)})
    ...             print(float(kept["misfit"]), run.replayed)
    0.5 0
    0.5 1
    """

    path: Path | None
    replayed: int = field(default=0, init=False)
    owner: str = field(default="", init=False)  # hash of the job, by which its results are known
    changed: str = field(default="", init=False)  # versions that differ from those the run was begun with
    proved: set[frozenset[str]] = field(default_factory=set, init=False)  # kinds of results that came out the same
    claim: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, init=False)

    def __enter__(self) -> RunDirectory:
        return self

    def __exit__(self, *_: object) -> None:
        self.claim.close()

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
            If a run is there already and `resume` is False, if it belongs to another job, if another process works in
            it, or if it cannot be written.
        """
        if path is None:
            return cls(None)
        path, now = Path(path), versions()
        check_directory(path, resume=resume and (path / RECORD).exists())
        self = cls(path)
        self.owner = digest(fingerprint)
        self.claim.enter_context(claimed(path))
        try:
            there = (path / RECORD).exists()
            check_directory(path, resume=resume and there, fingerprint=fingerprint)
            if there:
                for leftover in path.rglob(".*.part"):
                    leftover.unlink(missing_ok=True)
                self._compare_versions(now)
            else:
                job = {**settings.get("job", {}), "fingerprint": dict(fingerprint)}
                self.write_record({**settings, "versions": now, "job": job})
        except BaseException:
            self.claim.close()
            raise
        return self

    def _compare_versions(self, now: Mapping[str, str]) -> None:
        assert self.path is not None
        then = read_record(self.path / RECORD).get("versions", {})
        self.changed = ", ".join(f"{n} {then.get(n, 'unknown')}, now {v}" for n, v in now.items() if then.get(n) != v)
        if self.changed:
            log.warning(
                "%s was begun with other software (%s); some results are computed again and must be the same",
                self.path, self.changed,
            )  # fmt: skip

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
            If arrays are there, but with another key, or other software computes others.
        """
        if self.path is None:
            return dict(compute())
        arrays = self._intact(name)
        if arrays is None:
            arrays = dict(compute())
            self.write_npz(f"evaluations/{name}.npz", key=np.array(key), mark=self._mark(name, key, arrays), **arrays)
            return arrays
        if str(arrays.pop("key")) != key:
            raise RunError(
                f"{self.path}/evaluations/{name}.npz was computed for another model than the optimiser has reached "
                f"now, as after a change of numpy, scipy or the number of threads{self._since()}",
                remedy=[WITH_FORMER, *_from_result(self.path)],
            )
        self._prove(name, arrays, compute)
        self.replayed += 1
        return arrays

    def _mark(self, name: str, key: str, arrays: Arrays) -> np.ndarray:
        return np.array(digest(self.owner, name, key, dict(sorted(arrays.items()))))

    def _intact(self, name: str) -> dict[str, np.ndarray] | None:
        """Return kept arrays with their key; None where there are none, or not as this run has written them."""
        assert self.path is not None
        file = self.path / f"evaluations/{name}.npz"
        try:
            size = file.stat().st_size if file.is_file() else 0
            with contextlib.suppress(FileNotFoundError), open(file, "rb") as stream:
                stream.read(1)
        except OSError as error:  # nothing is wrong with it that computing again would mend
            raise RunError(f"{file} cannot be read: {error.strerror}", remedy="permit reading, then resume") from None
        if size > available_memory() // 2:
            raise RunError(f"{file} needs {size:,} bytes of memory", remedy="free some memory, then resume")
        try:
            arrays = read_arrays(file)
        except RunError as error:
            log.warning("%s; it is discarded and computed again", error)
            return None
        if arrays is None:
            return None
        mark, plain = arrays.pop("mark", None), {n: a for n, a in arrays.items() if n != "key"}
        if "key" in arrays and str(mark) == str(self._mark(name, str(arrays["key"]), plain)):
            return arrays
        log.warning("%s is not as this run has written it; it is discarded and computed again", file)
        return None

    def _prove(self, name: str, kept: Arrays, compute: Callable[[], Arrays]) -> None:
        """Refuse to go on where other software computes other results; one of each kind is tried."""
        assert self.path is not None
        kind = frozenset(kept)
        if not self.changed or kind in self.proved:
            return
        now = compute()
        other = [n for n in now if n not in COSTS and (n not in kept or digest(now[n]) != digest(kept[n]))]
        if other:
            raise RunError(
                f"{self.path} cannot be resumed to the same numbers: {', '.join(other)} of its result {name} come out "
                f"differently{self._since()}",
                remedy=[WITH_FORMER, *_from_result(self.path)],
            )
        self.proved.add(kind)

    def _since(self) -> str:
        return f" (the run was begun with {self.changed})" if self.changed else ""

    def holds(self, name: str) -> bool:
        """Return whether a file is there, or nothing is kept.

        Parameters
        ----------
        name : str
            Of the file in the directory.
        """
        return self.path is None or (self.path / name).exists()

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
    """Return versions of Python, seisinv and the numerical packages, the machine's kind, and a hash of the kernels."""
    found = {"python": platform.python_version(), "machine": f"{platform.system()} {platform.machine()}"}
    for package in ("seisinv", "torch", "numpy", "scipy"):
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "unknown"
    return found | {"kernels": kernels()}


@cache
def kernels() -> str:
    """Return a hash of the code that derives, prints, compiles and runs the kernels, the compiler and the CPU."""
    package = Path(__file__).parents[1]
    rooms = ("backends", "physics", "propagate", "symbolic")
    return digest([f.read_bytes() for room in rooms for f in sorted((package / room).glob("*.[ph]*"))], toolchain())


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Keep other processes from working in a run directory.

    Raises
    ------
    RunError
        If one does already, or the directory cannot be made.
    """
    file = path / LOCK
    lock = FileLock(file, is_singleton=True, thread_local=False)
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        owner = file.read_text("utf-8") or "another process"
        raise RunError(f"{path} is in use by {owner}", remedy=["wait until it has ended", OTHER]) from None
    except OSError as error:
        raise RunError(f"cannot write to the run directory {path}: {error.strerror}", remedy=OTHER) from None
    try:
        with contextlib.suppress(OSError):  # the name is for others; a full disk is found out soon enough
            name = f"process {os.getpid()} on {platform.node()} since {datetime.now():%Y-%m-%d %H:%M}"
            file.write_text(name, "utf-8")
        yield
    finally:
        if lock.lock_counter == 1:
            file.unlink(missing_ok=True)
        lock.release()


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
    with undamaged(path, remedy="name the directory of a run"):
        record = read_toml(path)
        if not record or not all(isinstance(record.get(name, {}), Mapping) for name in ("job", "versions")):
            raise ValueError("it is not as a run has written it")
        return record


def read_arrays(path: Path, *names: str) -> dict[str, np.ndarray] | None:
    """Read an .npz file of a run directory, which must hold some arrays; None where it is not there.

    Raises
    ------
    RunError
        If it is damaged.
    """
    if not path.exists():
        return None
    with undamaged(path):
        return read_npz(path, names=names)


@contextlib.contextmanager
def undamaged(path: Path, *, remedy: str = "delete it and resume the run to write it again") -> Iterator[None]:
    """Blame a file of a run directory for what goes wrong while it is read.

    Raises
    ------
    RunError
        In place of any error that a damaged file can cause.
    """
    try:
        yield
    except (SeisinvError, OSError, ValueError, KeyError, IndexError, TypeError) as error:
        what = error.what if isinstance(error, SeisinvError) else reason(error)
        raise RunError(f"{path} is damaged: {what}", remedy=remedy) from None


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
