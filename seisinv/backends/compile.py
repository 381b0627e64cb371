"""Compile C at first use, load it, and keep the library in the user's cache directory.

Compiler: ``$SEISINV_CC``, else the system's ``cc``, else the compiler in the ``ziglang`` wheel.  The cache is
``$SEISINV_CACHE`` or the platform's cache directory; a library's name is the hash of source, flags, compiler and CPU,
and that of its content.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import hashlib
import logging
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from seisinv.core.errors import KernelError
from seisinv.core.files import write_whole

log = logging.getLogger(__name__)

FLAGS = (
    "-std=gnu11",
    "-O3",
    "-march=native",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-shared",
    "-fPIC",
    "-w",
)
DRAFT, STALE = "compiling-", 3600.0  # names of unfinished work, and the seconds after which nobody is at it any more


@lru_cache(maxsize=1)
def find_compiler() -> tuple[str, ...]:
    """Return the command of a C compiler.

    Raises
    ------
    KernelError
        If there is none.
    """
    chosen = os.environ.get("SEISINV_CC")
    if chosen:
        command = tuple(shlex.split(chosen))
        if shutil.which(command[0]) is None:
            raise KernelError(f"SEISINV_CC is {chosen!r}, which is not an executable; unset it or name a C compiler")
        return command
    for name in ("cc", "gcc", "clang"):
        found = shutil.which(name)
        if found:
            return (found,)
    try:
        version("ziglang")
    except PackageNotFoundError:
        raise KernelError("no C compiler was found; pip install ziglang, or set SEISINV_CC") from None
    return (sys.executable, "-m", "ziglang", "cc")


def cache_directory() -> Path:
    """Return the directory of compiled kernels, made if need be; a temporary one if it cannot be written."""
    from platformdirs import user_cache_path

    path = Path(os.environ.get("SEISINV_CACHE") or user_cache_path("seisinv", appauthor=False))
    try:
        path.mkdir(parents=True, exist_ok=True)
        if os.access(path, os.W_OK | os.X_OK):
            return path
    except OSError:
        pass
    return _elsewhere(path, "it cannot be written")


@lru_cache(maxsize=4)
def _elsewhere(cache: Path, why: str) -> Path:
    log.warning("%s is not used for compiled kernels: %s; set SEISINV_CACHE to another directory", cache, why)
    place = Path(tempfile.mkdtemp(prefix="seisinv-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place


@lru_cache(maxsize=128)
def load(source: str, definitions: tuple[str, ...]) -> ctypes.CDLL:
    """Return the library compiled from `source` with ``-D`` definitions.

    A library that is kept carries the hash of its content in its name, and is compiled again where that differs.

    Raises
    ------
    KernelError
        If the compiler fails; the message names the file of its output.
    """
    command = find_compiler()
    flags = [*FLAGS, *(f"-D{d}" for d in definitions)]
    key = hashlib.sha256("\0".join([source, *flags, *_identity(command)]).encode()).hexdigest()[:20]
    cache = cache_directory()
    try:
        return ctypes.CDLL(str(_kept(cache, key) or _compile(command, flags, source, cache, key)))
    except OSError as error:  # a full disk, or one from which nothing may be executed
        cache = _elsewhere(cache, error.strerror or str(error))
    try:
        return ctypes.CDLL(str(_compile(command, flags, source, cache, key)))
    except OSError as error:
        raise KernelError(
            f"a kernel could not be compiled into {cache}: {error.strerror or error}; set TMPDIR to another directory"
        ) from error


def toolchain() -> str:
    """Return a hash of the compiler, its flags and the CPU; "none" without a compiler."""
    try:
        return hashlib.sha256("\0".join([*FLAGS, *_identity(find_compiler())]).encode()).hexdigest()[:20]
    except KernelError:
        return "none"


def _kept(cache: Path, key: str) -> Path | None:
    """Return the library of a key whose content is what its name says; remove what is not."""
    for library in cache.glob(f"{key}-*.so"):
        try:
            if library.name == _name(key, library.read_bytes()):
                return library
        except OSError:  # a folder, a dangling link, or not for us to read
            pass
        log.warning("%s is damaged; it is compiled again", library)
        if library.is_dir() and not library.is_symlink():
            shutil.rmtree(library, ignore_errors=True)
        else:
            library.unlink(missing_ok=True)
    return None


def _name(key: str, content: bytes) -> str:
    return f"{key}-{hashlib.sha256(content).hexdigest()[:20]}.so"


def _compile(command: tuple[str, ...], flags: list[str], source: str, cache: Path, key: str) -> Path:
    """Compile a library into a directory; other processes may do the same at the same time."""
    _sweep(cache)
    write_whole(cache / f"{key}.c", source.encode())
    with tempfile.TemporaryDirectory(prefix=DRAFT, dir=cache) as folder:
        draft, text = Path(folder, "kernel.so"), Path(folder, "kernel.c")
        text.write_text(source, encoding="utf-8")
        done = subprocess.run(
            [*command, *flags, "-o", str(draft), str(text), "-lm"],
            capture_output=True, encoding="utf-8", errors="replace",
            env={**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(cache / "zig")},
        )  # fmt: skip
        content = draft.read_bytes() if draft.exists() else b""
        if done.returncode or not content:
            write_whole(Path(folder, "room"), bytes(2**20))  # a full disk makes compilers fail: OSError
            report = cache / f"{key}.log"
            write_whole(report, (shlex.join([*command, *flags]) + "\n" + done.stderr).encode())
            failed = (
                f"failed to compile a kernel (exit code {done.returncode})" if done.returncode else "wrote no library"
            )
            raise KernelError(f"{command[0]} {failed}; its output is in {report}; set SEISINV_CC to a C compiler")
        library = cache / _name(key, content)
        _put(draft, library)
    return library


def _put(draft: Path, library: Path) -> None:
    """Give a library its name, unless it is there: on a network's disk, others may have it loaded."""
    try:
        os.link(draft, library)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        write_whole(library, draft.read_bytes())


def _sweep(cache: Path) -> None:
    """Remove what processes that were killed while compiling have left, an hour later."""
    for left in [*cache.glob(f"{DRAFT}*"), *cache.glob(".*.part")]:
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > STALE:
                shutil.rmtree(left) if left.is_dir() else left.unlink()


@lru_cache(maxsize=4)
def _identity(command: tuple[str, ...]) -> tuple[str, ...]:
    """What a library depends on beside its source: the compiler and the CPU."""
    path = Path(shutil.which(command[0]) or command[0]).resolve()
    stat = path.stat()
    compiler = [*command, str(stat.st_size), str(stat.st_mtime_ns)]
    if "ziglang" in command:
        compiler.append(version("ziglang"))
    cpu = [platform.machine(), platform.processor()]
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
            cpu += [line for line in lines if line.startswith(("model name", "flags", "Features"))][:2]
    except OSError:
        pass
    return (*compiler, *cpu)
