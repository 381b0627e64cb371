"""Compile C at first use, load it, and keep the library in the user's cache directory.

Compiler: ``$SEISINV_CC``, else the system's ``cc``, else the compiler in the ``ziglang`` wheel.  The cache is
``$SEISINV_CACHE`` or the platform's cache directory; a library's name is the hash of source, flags, compiler and CPU.
The hash of its bytes lies beside it: a library that is damaged, or has none, is compiled again.
"""

from __future__ import annotations

import atexit
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
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from seisinv.core.errors import KernelError

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
UNUSABLE = "the cache directory %s cannot be used; every process compiles its kernels (set SEISINV_CACHE)"
BUILD = "build-"  # begins the names of folders in which a process compiles
A_DAY = 24 * 3600.0  # s, after which no compiler is still at work


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
        if os.access(path, os.W_OK):
            return path
    except OSError:
        pass
    log.warning(UNUSABLE, path)
    return _temporary()


@lru_cache(maxsize=1)
def _temporary() -> Path:
    """The directory of this process's own kernels, removed at its end."""
    path = Path(tempfile.mkdtemp(prefix="seisinv-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


@lru_cache(maxsize=128)
def load(source: str, definitions: tuple[str, ...]) -> ctypes.CDLL:
    """Return the library compiled from `source` with ``-D`` definitions.

    Raises
    ------
    KernelError
        If the compiler fails, in a temporary directory as well; the message names the file of its output.
    """
    command = find_compiler()
    flags = [*FLAGS, *(f"-D{d}" for d in definitions)]
    key = hashlib.sha256("\0".join([source, *flags, *_identity(command)]).encode()).hexdigest()[:20]
    cache = cache_directory()
    try:
        return _loaded(command, flags, source, cache / f"{key}.so")
    except KernelError:  # its disk may be full, or hold no programs
        with suppress(KernelError):
            found = _loaded(command, flags, source, _temporary() / f"{key}.so")
            log.warning(UNUSABLE, cache)
            return found
        raise


def _loaded(command: tuple[str, ...], flags: list[str], source: str, library: Path) -> ctypes.CDLL:
    try:
        if not _is_whole(library):
            _compile(command, flags, source, library)
        return ctypes.CDLL(str(library))
    except OSError as error:
        raise KernelError(
            f"a kernel could not be compiled into {library.parent}: {error.strerror or error}",
            remedy="set SEISINV_CACHE to a folder that can be written and has room",
        ) from error


def _hash_file(library: Path) -> Path:
    return library.with_suffix(".sha256")


def _is_whole(library: Path) -> bool:
    """Whether a library is what the compiler wrote: loading a damaged one can kill the process."""
    try:
        found, expected = (p.read_bytes() if p.is_file() else b"" for p in (library, _hash_file(library)))
    except OSError:
        return False
    return expected == hashlib.sha256(found).hexdigest().encode()


def _compile(command: tuple[str, ...], flags: list[str], source: str, library: Path) -> None:
    """Compile in a folder of this process's own and move the files into place, whole: no locks, good on shared disks.

    Processes that compile the same kernel at once write the same bytes, since the names in the folder are the same.
    """
    cache = library.parent
    place = Path(tempfile.mkdtemp(prefix=f"{BUILD}{_machine()}-{os.getpid()}-", dir=cache))
    _sweep(cache, now=place.stat().st_mtime)
    try:
        text, made = place / f"{library.stem}.c", place / library.name
        report, digest = place / f"{library.stem}.log", place / _hash_file(library).name
        text.write_text(source, encoding="utf-8")
        done = subprocess.run(
            [*command, *flags, "-o", str(made), str(text), "-lm"],
            capture_output=True, encoding="utf-8", errors="replace",
            env={**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(cache / "zig")},
        )  # fmt: skip
        _put(text, cache)
        binary = made.read_bytes() if made.is_file() else b""
        if done.returncode or not binary:
            report.write_text(shlex.join([*command, *flags]) + "\n" + done.stderr, encoding="utf-8")
            _put(report, cache)
            ended = f"exit code {done.returncode}" if done.returncode else "it wrote no library"
            raise KernelError(
                f"{command[0]} failed to compile a kernel ({ended}); its output is in {cache / report.name}",
                remedy="unset SEISINV_CC, or set it to another C compiler",
            )
        digest.write_bytes(hashlib.sha256(binary).hexdigest().encode())
        _put(made, cache)
        _put(digest, cache)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _put(file: Path, folder: Path) -> None:
    """Move a file into a folder once it is on the disk, whatever stands there under its name."""
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())
    there = folder / file.name
    if there.is_dir() and not there.is_symlink():
        shutil.rmtree(there)
    os.replace(file, there)


def _machine() -> str:
    """A name of this machine, for numbers of processes; containers count them on their own."""
    try:
        return f"{platform.node()}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return platform.node()


def _sweep(cache: Path, now: float) -> None:
    """Remove what processes have left that ended while they compiled; `now` is the clock of the disk."""
    ours = f"{BUILD}{_machine()}-"
    for left in [*cache.glob(f"{BUILD}*"), *cache.glob("tmp*.c"), *cache.glob("tmp*.so")]:
        try:
            is_old = left.stat().st_mtime < now - A_DAY
            if is_old or (left.name.startswith(ours) and not _is_alive(int(left.name.split("-")[-2]))):
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        except (OSError, ValueError):  # another process swept it, or it is not ours
            continue


def _is_alive(process: int) -> bool:
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


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
