"""Compiled kernels are kept in a directory that others may damage, fill or lock."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import seisinv as si
from seisinv.backends import compile as compiling
from seisinv.backends.compile import find_compiler, load
from seisinv.core import KernelError

SOURCE = "int answer(void) { return 40 + EXTRA; }\n"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEISINV_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def answer() -> int:
    """Load the library as a new process would."""
    load.cache_clear()
    return load(SOURCE, ("EXTRA=2",)).answer()


def replaced(file: Path, content: bytes) -> None:
    """Write another file in place of one that this process has mapped."""
    file.unlink()
    file.write_bytes(content)


def zeros_in_the_middle(file: Path) -> None:
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle - 500 : middle + 500] = bytes(1000)
    replaced(file, bytes(content))


def flipped(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    replaced(file, bytes(content))


def a_folder(file: Path) -> None:
    file.unlink()
    (file / "inside").mkdir(parents=True)


def dangling(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.with_name("gone"))


def of_another_kernel(file: Path) -> None:
    load.cache_clear()
    load(SOURCE, ("EXTRA=3",))
    (other,) = (f for f in file.parent.glob("*.so") if f != file)
    os.replace(other, file)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut in half": lambda f: replaced(f, f.read_bytes()[: f.stat().st_size // 2]),
    "one byte short": lambda f: replaced(f, f.read_bytes()[:-1]),
    "empty": lambda f: replaced(f, b""),
    "garbage": lambda f: replaced(f, b"not a library"),
    "longer": lambda f: replaced(f, f.read_bytes() + b"x"),
    "zeros in the middle": zeros_in_the_middle,
    "a flipped bit": flipped,
    "a folder": a_folder,
    "a dangling link": dangling,
    "another kernel": of_another_kernel,
    "gone": lambda f: f.unlink(),
    "renamed": lambda f: f.rename(f.with_name(f.name.replace("-", "-0"))),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_library_is_compiled_again(cache: Path, damage: str) -> None:
    assert answer() == 42
    (library,) = cache.glob("*.so")
    content = library.read_bytes()
    DAMAGES[damage](library)
    assert answer() == 42
    assert library.read_bytes() == content
    assert len(list(cache.glob(f"{library.name.partition('-')[0]}-*"))) == 1
    made = library.stat().st_mtime_ns
    assert answer() == 42
    assert library.stat().st_mtime_ns == made, "a sound library is not compiled again"


def test_a_compiler_that_leaves_no_library_has_not_succeeded(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEISINV_CC", shutil.which("true") or "true")
    find_compiler.cache_clear()
    try:
        with pytest.raises(KernelError, match=r"wrote no library.*set SEISINV_CC"):
            answer()
    finally:
        monkeypatch.undo()
        find_compiler.cache_clear()
    assert not list(cache.glob("*.so"))
    monkeypatch.setenv("SEISINV_CACHE", str(cache))
    assert answer() == 42


@pytest.mark.parametrize("place", ["a file", "inside a file", "full"])
def test_a_cache_that_cannot_hold_kernels_falls_back(
    cache: Path, place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if place == "full":
        whole = compiling.write_whole

        def full(file: Path, content: bytes) -> None:
            if file.parent == cache:
                raise OSError(28, "No space left on device")
            whole(file, content)

        monkeypatch.setattr(compiling, "write_whole", full)
    else:
        cache.write_text("")
        if place == "inside a file":
            monkeypatch.setenv("SEISINV_CACHE", str(cache / "below"))
    assert answer() == 42
    assert "is not used for compiled kernels" in caplog.text
    assert "SEISINV_CACHE" in caplog.text


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_cache_falls_back(cache: Path) -> None:
    cache.mkdir()
    cache.chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert answer() == 42


def test_what_killed_processes_left_is_swept(cache: Path) -> None:
    old, new = cache / f"{compiling.DRAFT}old", cache / f"{compiling.DRAFT}new"
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "kernel.so").write_bytes(b"half")
    part = cache / ".kernel.so.99.part"
    part.touch()
    hours_ago = time.time() - 2 * compiling.STALE
    for left in (old, part):
        os.utime(left, (hours_ago, hours_ago))
    assert answer() == 42
    assert not old.exists()
    assert not part.exists()
    assert new.exists(), "somebody may be at it"


def test_processes_share_an_empty_cache(cache: Path) -> None:
    code = f"from seisinv.backends.compile import load; print(load({SOURCE!r}, ('EXTRA=2',)).answer())"
    children = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [child.communicate(timeout=120)[0].strip() for child in children] == ["42"] * 3
    assert len(list(cache.glob("*.so"))) == 1
    assert not list(cache.glob(f"{compiling.DRAFT}*"))


ENCODINGS = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def test_a_locale_without_unicode_compiles_models_and_prints(cache: Path, tmp_path: Path) -> None:
    model = tmp_path / "größer.npz"
    si.io.write_model(model, si.Model(si.Grid((21, 31), 20.0), vp=2000.0))
    survey = ["--peak", "8", "--duration", "0.1", "--dt", "0.004", "--threads", "1"]
    for arguments in (["forward", model, "-o", tmp_path / "shots.sgy", *survey], ["info", tmp_path / "shots.sgy"]):
        done = subprocess.run(
            [sys.executable, "-m", "seisinv.cli", *map(str, arguments)],
            env={**os.environ, **ENCODINGS, "SEISINV_CACHE": str(cache)}, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert b"rror" not in done.stderr


FORK = """
import os, torch, seisinv as si
torch.set_num_threads(2)
grid = si.Grid((41, 61), 10.0)
survey = si.Survey.surface(sources=si.line(100, 500, every=100, depth=20), wavelet=si.ricker(15),
                           receivers=si.line(0, 600, every=20, depth=20), duration=0.1, dt=2e-3)
simulate = si.Propagator(si.Acoustic(), grid, survey, threads=2)
def gradient():
    vp = torch.full(grid.shape, 2000.0).requires_grad_()
    simulate(si.Model(grid, vp=vp)).data.square().sum().backward()
    return vp.grad
before = gradient()
if os.fork() == 0:
    os._exit(0 if torch.allclose(gradient(), before) else 1)  # sums of torch depend on its threads
raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_a_forked_child_goes_on_alone() -> None:
    assert subprocess.run([sys.executable, "-c", FORK], timeout=60, check=False).returncode == 0
