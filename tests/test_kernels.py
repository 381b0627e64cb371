"""Compiled kernels: what becomes of a damaged cache, of many processes, of a compiler that fails."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import shutil
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from seisinv.backends import compile as kernels
from seisinv.core import KernelError

ADD = "double add(double a, double b) { return a + b; }"


def add(cache: Path, compiler: str = "cc", said: Path | None = None) -> None:
    """Compile, load and use a kernel."""
    os.environ |= {"SEISINV_CACHE": str(cache), "SEISINV_CC": compiler}
    for remembered in (kernels.load, kernels.find_compiler, kernels._identity):
        remembered.cache_clear()
    try:
        code = kernels.load(ADD, ())
    except KernelError as error:
        assert said is not None
        said.write_text(str(error), encoding="utf-8")
        return
    code.add.restype, code.add.argtypes = ctypes.c_double, (ctypes.c_double, ctypes.c_double)
    assert code.add(1.5, 2.25) == 3.75


def killed(cache: Path) -> None:
    Path.write_text = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)  # the source, for the compiler
    add(cache)


def begun(task: Callable[..., None], *arguments: object) -> BaseProcess:
    """Start a task in a process of its own, since a damaged library can kill it."""
    child = multiprocessing.get_context("fork").Process(target=task, args=arguments)
    child.start()
    return child


def ended(child: BaseProcess) -> int | None:
    child.join(100)
    return child.exitcode


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.mktemp("built")
    assert ended(begun(add, cache)) == 0
    return cache


def keep(share: float) -> Callable[[Path, Path], None]:
    return lambda so, _: so.write_bytes(so.read_bytes()[: int(share * so.stat().st_size)]) and None


def flip(file: Path, at: int, by: int) -> None:
    content = bytearray(file.read_bytes())
    content[at] ^= by
    file.write_bytes(content)


def blank(so: Path, _: Path) -> None:
    content = so.read_bytes()
    middle = len(content) // 2
    so.write_bytes(content[: middle - 1000] + bytes(2000) + content[middle + 1000 :])


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()
    (file / "inside").write_bytes(b"1")


def dangling(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.with_name("nowhere"))


DAMAGE: dict[str, Callable[[Path, Path], object]] = {
    "cut in half": keep(0.5),
    "empty": keep(0),
    "garbage": lambda so, _: so.write_bytes(b"not a library" * 500),
    "zeros in the middle": blank,
    "one bit flipped": lambda so, _: flip(so, so.stat().st_size // 2, 1),
    "longer": lambda so, _: so.write_bytes(so.read_bytes() + b"0"),
    "gone": lambda so, _: so.unlink(),
    "a folder in its place": lambda so, _: folder(so),
    "a link to nothing": lambda so, _: dangling(so),
    "a pipe in its place": lambda so, _: (so.unlink(), os.mkfifo(so)),
    "not readable": lambda so, _: so.chmod(0),
    "no hash": lambda _, sha: sha.unlink(),
    "empty hash": lambda _, sha: sha.write_bytes(b""),
    "hash of another file": lambda _, sha: sha.write_bytes(b"0" * 64),
    "hash of bytes that are no text": lambda _, sha: sha.write_bytes(bytes(range(256))),
    "a folder in place of the hash": lambda _, sha: folder(sha),
    "both empty": lambda so, sha: (so.write_bytes(b""), sha.write_bytes(b"")),
    "a folder in place of the source": lambda so, _: (folder(so.with_suffix(".c")), so.unlink()),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_library_is_compiled_again(built: Path, tmp_path: Path, damage: str) -> None:
    cache = shutil.copytree(built, tmp_path / "cache")
    (library,) = cache.glob("*.so")
    whole, names = library.read_bytes(), sorted(p.name for p in cache.iterdir())
    DAMAGE[damage](library, library.with_suffix(".sha256"))
    assert ended(begun(add, cache)) == 0
    assert library.read_bytes() == whole
    assert sorted(p.name for p in cache.iterdir()) == names


def test_processes_may_compile_the_same_kernel_at_once(tmp_path: Path) -> None:
    several = [begun(add, tmp_path) for _ in range(4)]
    assert [ended(child) for child in several] == [0] * 4
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".c", ".sha256", ".so"]


def test_what_a_killed_process_left_is_swept(tmp_path: Path) -> None:
    assert ended(begun(killed, tmp_path)) == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    old, at_work = tmp_path / "build-elsewhere-1-1-x", tmp_path / "build-elsewhere-1-2-x"
    old.mkdir()
    os.utime(old, (0, 0))
    at_work.mkdir()
    assert ended(begun(add, tmp_path)) == 0
    assert [p.exists() for p in (left, old, at_work)] == [False, False, True]


def compiler(place: Path, body: str) -> str:
    file = place / "compiler"
    file.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    file.chmod(0o755)
    return str(file)


@pytest.mark.parametrize("end", ["exit 0", "exit 3"])
def test_a_compiler_that_writes_no_library_has_failed(tmp_path: Path, end: str) -> None:
    cache, said = tmp_path / "cache", tmp_path / "said"
    assert ended(begun(add, cache, compiler(tmp_path, f"echo it is broken >&2\n{end}"), said)) == 0
    (report,) = cache.glob("*.log")
    assert "it is broken" in report.read_text(encoding="utf-8")
    message = said.read_text(encoding="utf-8")
    assert f"its output is in {report}; unset SEISINV_CC" in message
    assert not list(cache.glob("*.so"))
    assert ended(begun(add, cache)) == 0


def test_a_cache_that_is_a_file_is_replaced_by_a_temporary_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert ended(begun(add, tmp_path / "file")) == 0


def test_a_cache_without_room_is_replaced_by_a_temporary_one(tmp_path: Path) -> None:
    """A compiler that fails where the cache is, and only there, stands for a full disk."""
    full = tmp_path / "full"
    fails = f'case "$*" in *{full}/*) echo No space left on device >&2; exit 1;; esac\nexec cc "$@"'
    assert ended(begun(add, full, compiler(tmp_path, fails))) == 0
