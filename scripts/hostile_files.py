"""Files as damage and malice make them, and what readers may do with them: thousands in `scripts/fuzz`, a few in tests.

Everything is drawn from numpy's generator of (seed, index): one file can be made again alone. Whole files are written
here byte by byte, independently of seisinv's writers.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import pickle
import resource
import signal
import struct
import tempfile
import traceback
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

FOUR_BYTE_FIELDS = {*range(1, 29, 4), *range(37, 69, 4), *range(73, 89, 4), *range(181, 201, 4)}
FORMATS = {1: "u4", 2: "i4", 3: "i2", 5: "f4", 6: "f8", 8: "i1", 9: "i8", 10: "u4", 11: "u2", 12: "u8", 16: "u1"}
SHOTS, RECEIVERS, SAMPLES = 4, 6, 32
EXTENT = 1000.0  # m, several times the seeds': a position that moves by more is beyond doubt wrong
WORDS = (
    b"\0",
    b"\xff",
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\x7f\x80\0\0",
    b"\x80\0",
    b"\x7f\xff",
    b"\0\0\0\0\0\0\0\0",
)


def trace_headers(fields: Mapping[int, object], count: int, order: str = ">") -> np.ndarray:
    """Return 240 bytes per trace with `fields` (first byte: value or one value per trace) in place."""
    raw = np.zeros((count, 240), np.uint8)
    for byte, values in fields.items():
        kind = f"{order}i{4 if byte in FOUR_BYTE_FIELDS else 2}"
        column = np.broadcast_to(np.asarray(values), count).astype(kind)
        raw[:, byte - 1 : byte - 1 + column.itemsize] = column.view(np.uint8).reshape(count, -1)
    return raw


def segy_bytes(
    fields: Mapping[int, object],
    samples: np.ndarray,
    *,
    order: str = ">",
    code: int = 5,
    interval: int = 4000,
    measurement: int = 1,
    count: int | None = None,
) -> bytes:
    """Return a SEG-Y file of `samples` [trace, time], already of the dtype that `code` means."""
    binary = bytearray(400)
    for offset, value in (
        (16, interval),
        (20, samples.shape[1] if count is None else count),
        (24, code),
        (54, measurement),
    ):
        struct.pack_into(f"{order}H", binary, offset, value)
    return b"C" * 3200 + bytes(binary) + trace_bytes(fields, samples, order)


def trace_bytes(fields: Mapping[int, object], samples: np.ndarray, order: str) -> bytes:
    """Return headers and samples of traces: what follows the file headers of SEG-Y, and all of SU."""
    body = samples.astype(samples.dtype.newbyteorder(order)).view(np.uint8).reshape(len(samples), -1)
    return np.concatenate([trace_headers(fields, len(samples), order), body], axis=1).tobytes()


def seg2_bytes(texts: list[dict[str, str]], samples: np.ndarray, order: str = "<") -> bytes:
    """Return a SEG-2 file of float32 samples [trace, time], with the strings of each trace."""

    def block(kind: bytes, strings: Mapping[str, str]) -> bytes:
        parts = [f"{key} {value}\0".encode() for key, value in strings.items()]
        body = b"".join(struct.pack(f"{order}H", len(p) + 2) + p for p in parts) + b"\0\0\0"
        return kind + body + bytes(-(len(kind) + len(body)) % 4)

    data = samples.astype(f"{order}f4")
    head = struct.pack(f"{order}HHHHBBBBBB", 0x3A55, 1, 4 * len(data), len(data), 1, 0, 0, 1, 10, 0).ljust(32, b"\0")
    first = block(head + bytes(4 * len(data)), {"UNITS": "METERS", "ACQUISITION_DATE": "01/jan/2020"})
    traces = []
    for strings, row in zip(texts, data, strict=True):
        size = len(block(bytes(32), strings))
        start = struct.pack(f"{order}HHLLB", 0x4422, size, row.nbytes, len(row), 4).ljust(32, b"\0")
        traces.append(block(start, strings) + row.tobytes())
    places = len(first) + np.cumsum([0, *map(len, traces[:-1])])
    return first[:32] + places.astype(f"{order}u4").tobytes() + first[32 + 4 * len(data) :] + b"".join(traces)


def ibm_floats(values: np.ndarray) -> np.ndarray:
    """Return the words of IBM's floats: sign, exponent of 16 from 64 on, mantissa of six digits, the first not zero."""
    fraction, power = np.frexp(np.abs(values))
    exponent = -(-power // 4)
    mantissa = np.round(fraction * 2.0 ** (power - 4 * exponent + 24)).astype(np.int64)
    carried = mantissa >> 24  # rounded up to 1
    words = (values < 0).astype(np.int64) << 31 | (exponent + 64 + carried) << 24 | mantissa >> 4 * carried
    return np.where(values == 0, 0, words).astype("u4")


def line_seeds() -> dict[str, bytes]:
    """Return small whole lines by file name: SEG-Y of every sample format and byte order, SU, SEG-2."""
    shot, channel = np.divmod(np.arange(SHOTS * RECEIVERS), RECEIVERS)
    source, receiver = 50 * shot, 50 * shot + 10 * channel + 20
    fields = {9: shot + 1, 13: channel + 1, 29: 1, 37: receiver - source, 49: 5, 69: 1, 71: -10}
    fields |= {73: 10 * source, 81: 10 * receiver, 89: 1, 115: SAMPLES, 117: 4000}
    values = 1e3 * np.random.default_rng(1).standard_normal((len(shot), SAMPLES))
    seeds = {}
    for order, name in ((">", "big"), ("<", "little")):
        for code, kind in FORMATS.items():
            stored = np.abs(values) % 100 if kind.startswith("u") or kind == "i1" else values
            samples = ibm_floats(stored) if code == 1 else stored.astype(kind)
            seeds[f"{name}-{code}.sgy"] = segy_bytes(fields, samples, order=order, code=code)
        seeds[f"{name}.su"] = trace_bytes(fields, values.astype("f4"), order)
        texts = [
            {"SAMPLE_INTERVAL": "0.004", "SHOT_SEQUENCE_NUMBER": "1", "CHANNEL_NUMBER": f"{k + 1}", "DELAY": "0",
             "SOURCE_LOCATION": "0 0 0", "RECEIVER_LOCATION": f"{10 * k + 20} 0 0", "DESCALING_FACTOR": "0.01"}
            for k in range(RECEIVERS)
        ]  # fmt: skip
        seeds[f"{name}.seg2"] = seg2_bytes(texts, values[:RECEIVERS], order)
    return seeds


def damaged(content: bytes, rng: np.random.Generator, headers: tuple[int, int, int] | None = None) -> bytes:
    """Return bytes with one to four damages; `headers` says where headers begin, their distance and their length."""
    out = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        n = len(out)
        if n == 0:
            break
        kind, place = rng.integers(10), int(rng.integers(n))
        if headers and kind < 6:  # a field of a header, where damage is most likely to be believed
            first, step, length = headers
            count = max((n - first) // step, 1)
            place = first + step * int(rng.integers(count)) + 2 * int(rng.integers(length // 2))
        if kind == 0:
            out[place : place + 1] = bytes([int(rng.integers(256))])
        elif kind < 4:
            word = WORDS[rng.integers(len(WORDS))]
            out[place : place + len(word)] = word
        elif kind < 6:
            word = rng.bytes(int(rng.integers(1, 5)))
            out[place : place + len(word)] = word
        elif kind == 6:
            del out[place:]
        elif kind == 7:
            del out[place : place + int(rng.integers(1, 300))]
        elif kind == 8:
            out[place:place] = rng.bytes(int(rng.integers(1, 300)))
        else:
            other = int(rng.integers(n))
            out[place : place + 64] = out[other : other + 64]
    return bytes(out)


def line_case(seeds: Mapping[str, bytes], seed: int, index: int) -> tuple[str, bytes]:
    """Return name and content of a damaged line; the name is that of the seed it was made of."""
    rng = np.random.default_rng([seed, index])
    name = sorted(seeds)[rng.integers(len(seeds))]
    headers = None
    if name in line_seeds():
        code = int(name.split("-")[1].removesuffix(".sgy")) if "-" in name else 5
        step = 240 + SAMPLES * np.dtype(FORMATS[code]).itemsize
        headers = {".sgy": (3600, step, 240), ".su": (0, step, 240)}.get(Path(name).suffix)
        if headers and name.endswith(".sgy") and rng.random() < 0.2:
            headers = (3200, 10**9, 400)
    return name, damaged(seeds[name], rng, headers)


def examine_line(path: Path, whole: Path) -> list[str]:
    """Read a damaged line in every way; return what no reader may do. `whole` is the line before the damage."""
    from seisinv import io as si

    wrong: list[str] = []
    opened = allowed(lambda: si.open_line(path), wrong)
    allowed(lambda: si.read_line(path), wrong)
    allowed(lambda: si.info_text(si.describe(path)), wrong)
    allowed(lambda: si.read_model(path, spacing=10.0), wrong)
    sound = allowed(lambda: si.open_line(whole), [])
    if opened is not None and sound is not None and not set(opened.notes) - set(sound.notes):
        wrong += unsaid(opened, sound)
    return wrong


def unsaid(opened: object, sound: object) -> list[str]:
    """Return what changed beyond doubt, of a line that is opened without any remark."""

    def extent(line: object) -> np.ndarray:
        survey = line.survey
        places = np.concatenate([p for shot in survey.shots for p in (shot.sources, shot.receivers)])
        return np.concatenate([places.min(axis=0), places.max(axis=0)])

    time, before = opened.survey.time, sound.survey.time
    wrong = []
    if np.abs(extent(opened) - extent(sound)).max() > EXTENT:
        wrong.append("silent: positions moved")
    if abs(time.start - before.start) > max(time.step * time.samples, 1.0) or not 0.02 < time.step / before.step < 50:
        wrong.append("silent: times changed")
    if contradicts(opened):
        wrong.append("silent: the offset in a header contradicts the coordinates")
    return wrong


def contradicts(line: object) -> bool:
    """Whether the offset in a header differs from the coordinates by more than ten metres, where others agree."""
    said = line.readers[0][1]
    if not hasattr(said, "field"):
        return False
    offsets = np.abs(said.field(37).astype(float)) * line.unit
    gaps = [
        np.abs(offsets[rows] - np.abs(shot.receivers[:, 1] - shot.sources[0, 1]))[offsets[rows] > 0]
        for rows, shot in zip(line.rows, line.survey.shots, strict=True)
    ]
    gap = np.concatenate(gaps)
    return bool(line.projection.is_straight and len(gap) and np.median(gap) < 1 and gap.max() > 10)


def allowed(read: Callable[[], object], wrong: list[str]) -> object:
    """Return what a reader returns, None after a SeisinvError of one line; add whatever else happens to `wrong`."""
    from seisinv.core import SeisinvError

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            return read()
        except SeisinvError as error:
            if not str(error).isprintable():
                wrong.append(f"not one printable line: {str(error)!r}")
            if len(str(error)) > 1500:
                wrong.append(f"a line of {len(str(error)):,} characters: {str(error)[:80]}")
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            wrong.append(f"internal error: {type(error).__name__}: {error} ({place.filename}:{place.lineno})")
        finally:
            wrong += [f"warning: {w.category.__name__}: {w.message} ({w.filename}:{w.lineno})" for w in caught]
    return None


def forked(examine: Callable[[], object], *, seconds: int = 20, memory: int = 12 * 2**30) -> tuple[object, str]:
    """Return what `examine` returns in a process of limited time and memory, and what is wrong with the process."""
    with tempfile.TemporaryFile() as found, tempfile.TemporaryFile() as said:
        pid = os.fork()
        if pid == 0:
            os.dup2(said.fileno(), 2)
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(seconds)
            with contextlib.suppress(BaseException):
                found.write(json.dumps(examine()).encode())
                found.flush()
                os._exit(0)
            os._exit(77)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        found.seek(0)
        said.seek(0)
        noise = said.read().decode(errors="replace")[-300:]
        if status == -signal.SIGALRM:
            return None, f"hang: not done after {seconds} s"
        if status:
            return None, f"crash: the process ended with {status}: {noise}"
        return json.loads(found.read()), f"stderr: {noise}" if noise else ""


# Models, jobs, run directories and weights.


def hostile_case(seed: int, index: int, folder: Path) -> tuple[str, Path]:
    """Write a hostile file, or run directory, into a folder; return its kind and path."""
    rng = np.random.default_rng([seed, index, 1])
    kind = ("model", "job", "run", "weights")[index % 4]
    return kind, {"model": hostile_model, "job": hostile_job, "run": hostile_run, "weights": hostile_weights}[kind](
        rng, folder
    )


def examine_hostile(kind: str, path: Path) -> list[str]:
    """Read a hostile file with the readers of its kind; return what they may not do."""
    wrong: list[str] = []
    for read in readers(kind):
        allowed(lambda read=read: read(path), wrong)
    return wrong


def readers(kind: str) -> list[Callable[[Path], object]]:
    """Return the readers of a kind of file."""
    from seisinv import io as si
    from seisinv.jobs import config
    from seisinv.priors.learned.training import read_checkpoint
    from seisinv.priors.learned.weights import load
    from seisinv.runs import read_run

    return {
        "model": [
            lambda p: si.read_model(p, spacing=10.0),
            si.read_model,
            lambda p: si.read_model(p, spacing=10.0, shape=(5, 6), layout="zx", dtype="<f4"),
        ],
        "job": [config.load],
        "run": [read_run, lambda p: config.load(p / "run.toml")],
        "weights": [load, read_checkpoint],
    }[kind]


def npz_bytes(arrays: Mapping[str, object], *, compressed: bool = False) -> bytes:
    stream = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(stream, **arrays)
    return stream.getvalue()


class Executed:
    """A pickle that ends the process that reads it."""

    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (99,)


def odd_array(rng: np.random.Generator, shape: tuple[int, ...] = (5, 6)) -> object:
    """Return an array of a type, shape or value that a reader does not expect, or in one case of eight a good one."""
    good = np.full(shape, 2000.0)
    kinds = (
        lambda: good, lambda: good.astype(">f4"), lambda: good.astype("f2"), lambda: good.astype("g"),
        lambda: good.astype("c8"), lambda: good.astype("S8"), lambda: good.astype("U8"), lambda: good.astype("?"),
        lambda: good.astype("M8[s]"), lambda: good.astype("m8[s]"), lambda: np.zeros(shape, "f4,f4"),
        lambda: np.array(2000.0), lambda: good[0], lambda: good[None], lambda: good[None, None], lambda: good[:0],
        lambda: good[:1], lambda: good.T, lambda: np.where(rng.random(shape) < 0.1, np.nan, good),
        lambda: np.where(rng.random(shape) < 0.1, np.inf, good), lambda: -good, lambda: good * 1e30,
        lambda: np.array([Executed()], object), lambda: np.array("text"), lambda: good.astype("<u8"),
    )  # fmt: skip
    return kinds[rng.integers(len(kinds))]() if rng.random() < 0.9 else good


def hostile_model(rng: np.random.Generator, folder: Path) -> Path:
    good = {"vp": np.full((5, 6), 2000.0), "spacing": np.array([10.0, 10.0]), "origin": np.zeros(2)}
    kind = rng.integers(12)
    if kind < 4:
        name = str(rng.choice(["vp", "spacing", "origin", "rho", "vp.npy", "../vp"]))
        arrays = {**good, name: odd_array(rng, (2,) if name in ("spacing", "origin") else (5, 6))}
        if rng.random() < 0.1:
            arrays.pop(str(rng.choice(list(arrays))))
        return written(folder / "m.npz", npz_bytes(arrays, compressed=bool(rng.random() < 0.5)))
    if kind < 6:
        return written(folder / "m.npz", damaged(npz_bytes(good, compressed=kind == 5), rng))
    if kind == 6:
        stream = io.BytesIO()
        np.save(stream, odd_array(rng))
        content = stream.getvalue()
        return written(folder / "m.npy", damaged(content, rng, (0, 10**9, 128)) if rng.random() < 0.5 else content)
    if kind == 7:
        content = "\n".join(" ".join(f"{v:g}" for v in row) for row in good["vp"]).encode()
        content = gzip.compress(content) if rng.random() < 0.5 else content
        return written(folder / "m.txt", damaged(content, rng))
    if kind == 8:
        return written(folder / "m.sgy", damaged(segy_bytes({73: 10 * np.arange(6)}, np.full((6, 5), 2e3, "f4")), rng))
    if kind == 9:
        return written(folder / "m.bin", rng.bytes(int(rng.integers(200))))
    if kind == 10:
        return odd_place(rng, folder / "m.npz")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in rng.choice(["vp.npy", "spacing.npy", "../x.npy", "notes.txt", "a/", "\x1b[2J.npy"], 3):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                archive.writestr(str(name), bytes(10**6) if rng.random() < 0.2 else rng.bytes(50))
    return written(folder / "m.npz", stream.getvalue())


def odd_place(rng: np.random.Generator, path: Path) -> Path:
    """Return a path that is no regular file, or an archive bomb."""
    kind = rng.integers(5)
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        path.mkdir()
    elif kind == 2:
        path.symlink_to("/dev/zero")
    elif kind == 3:
        path.symlink_to(path)
    else:
        archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1)
        with archive, archive.open("vp.npy", "w") as stream:
            for _ in range(300):
                stream.write(bytes(2**20))
    return path


def hostile_job(rng: np.random.Generator, folder: Path) -> Path:
    keys = (
        "data.path", "data.every", "data.headers", "grid.spacing", "grid.shape", "start.vp", "start.shape", "run.seed",
        "inversion.bands", "inversion.bounds", "wavelet.peak", "ensemble.members", "compare.run", "propagator.physics",
        "inversion", "nonsense.key", '"\\u001b[2J"', '"a\\nb".c', "window.offsets", "forward.sources",
    )  # fmt: skip
    values = (
        "1", "-1", "0", "1.5", "nan", "inf", "-inf", "true", "''", "'text'", "[]", "[[1, 2], [3]]", "{}", "{ a = 1 }",
        "9" * 5000, "1e999", "[" * 3000 + "]" * 3000, "2020-01-01", '"\\u001b[2J\\u0007"', "'" + "x" * 100_000 + "'",
        "[" + "1," * 20_000 + "]", '"a\\u0000b"', "0x" + "f" * 400, "[nan, inf]", "[1, 'a']", "[{}]", "{ vp = [1, 0] }",
    )  # fmt: skip
    lines = [f"{rng.choice(keys)} = {rng.choice(values)}" for _ in range(int(rng.integers(1, 4)))]
    content = "\n".join(lines).encode()
    kind = rng.integers(10)
    if kind == 0:
        content = damaged(content, rng)
    elif kind == 1:
        content = rng.bytes(int(rng.integers(300)))
    elif kind == 2:
        return odd_place(rng, folder / "job.toml")
    return written(folder / "job.toml", content)


def hostile_run(rng: np.random.Generator, folder: Path) -> Path:
    grid = {"spacing": np.array([10.0, 10.0]), "origin": np.zeros(2)}
    gathers = {n: np.zeros((2, 3, 8)) for n in ("observed", "before", "after")}
    gathers |= {
        "offsets": np.zeros((2, 3)),
        "live": np.ones((2, 3), bool),
        "shots": np.arange(2),
        "dt": np.array(0.004),
    }
    row = {"band": 3.0, "iteration": 1, "misfit": 0.5, "objective": 0.5, "seconds": 0.1, "model_change": 0.1}
    cost = {"solves": 12, "recomputed": 0.0, "seconds": 1.0, "cpu_seconds": 1.0, "peak_memory": 10**8, "note": ""}
    vp = np.full((5, 6), 2000.0)
    arrays: dict[str, dict[str, object]] = {
        "start.npz": {"vp": vp, **grid},
        "model.npz": {"vp": vp, **grid},
        "truth.npz": {"vp": vp, **grid},
        "gathers.npz": gathers,
        "wavelets.npz": {"003.00Hz": np.zeros(8), "dt": np.array(0.004)},
        "ensemble.npz": {"vp": vp, "vp_std": vp / 100, "members": np.array(3), **grid},
    }
    victim = str(rng.choice([*arrays, "history.jsonl", "cost.json", "run.toml"]))
    if victim in arrays and rng.random() < 0.6:
        name = str(rng.choice(list(arrays[victim])))
        arrays[victim].pop(name)
        if rng.random() < 0.8:
            arrays[victim][name] = odd_array(rng, (2,))
    files = {name: npz_bytes(content) for name, content in arrays.items()}
    files["history.jsonl"] = (json.dumps(row) + "\n").encode() * 3
    files["cost.json"] = json.dumps(cost).encode()
    files["run.toml"] = b'[run]\nseed = 1\n[inversion]\nmisfit = "l2"\n'
    if victim not in arrays or rng.random() < 0.5:
        odd = (
            b"",
            b"null",
            b"[1, 2]",
            b"[" * 100_000,
            b"9" * 5000,
            b"\xff\xfe",
            b'{"misfit": "x"}\n',
            b"NaN\n",
            b"{}\n",
        )
        content = odd[rng.integers(len(odd))] if rng.random() < 0.4 else damaged(files[victim], rng)
        files[victim] = content
    run = folder / "run"
    run.mkdir()
    for name, content in files.items():
        written(run / name, content)
    if rng.random() < 0.1:
        (run / victim).unlink()
        odd_place(rng, run / victim)
    return run


def hostile_weights(rng: np.random.Generator, folder: Path) -> Path:
    path = folder / "weights.safetensors"
    kind = rng.integers(10)
    if kind == 0:
        return odd_place(rng, path)
    if kind == 1:
        return written(path, pickle.dumps(Executed()))
    content = small_weights(rng)
    if kind < 6:
        content = damaged(content, rng, (0, 10**9, min(len(content), 4000)) if kind < 4 else None)
    return written(path, content)


def small_weights(rng: np.random.Generator) -> bytes:
    """Return the weights of a network of one level, whose card or tensors are in most cases not what they should be."""
    import torch
    from safetensors.torch import save

    from seisinv.priors.learned.network import Denoiser, Shape
    from seisinv.priors.learned.weights import Weights, digest

    network = Denoiser(Shape(widths=(8,), blocks=1, embedding=4))
    state = {n: t.detach().clone() for n, t in network.state_dict().items()}
    other = {n: t.clone() for n, t in state.items()}
    weights = Weights(state, other, {"shape": {"widths": [8], "blocks": 1, "embedding": 4, "data": 0.2}}, [], {})
    card, tensors = weights.card(), dict(weights.tensors)
    name = str(rng.choice(list(tensors)))
    odd = (
        lambda t: t.bfloat16(), lambda t: t.half(), lambda t: t.double(), lambda t: t.int(), lambda t: t.bool(),
        lambda t: t.to(torch.complex64), lambda t: t.to(torch.float8_e4m3fn), lambda t: t * float("nan"),
        lambda t: t.reshape(-1), lambda t: t[None], lambda t: t[:0], lambda t: t,
    )  # fmt: skip
    tensors[name] = odd[rng.integers(len(odd))](tensors[name]).contiguous()
    if rng.random() < 0.2:
        tensors[str(rng.choice(["noise", "other.x", "\x1b[2J", "last."]))] = tensors.pop(name)
    shape = card["recipe"]["shape"]
    values = (0, -8, 10**9, 10**30, 1.5, float("nan"), "8", None, [], [8] * 1000, [10**9], [8.0], ["8"], {}, [[8]])
    if rng.random() < 0.6:
        shape[str(rng.choice(["widths", "blocks", "embedding", "data", "other"]))] = values[rng.integers(len(values))]
    if rng.random() < 0.8:
        card["sha256"] = digest(tensors)
    cards = [json.dumps(card)] * 6 + [
        "",
        "null",
        "[" * 100_000,
        "[]",
        '{"format": "\\u001b[2J"}',
        json.dumps({"format": card["format"]}),
    ]
    return save(tensors, metadata={"card": cards[rng.integers(len(cards))]})


def written(path: Path, content: bytes) -> Path:
    """Write bytes and return the path."""
    path.write_bytes(content)
    return path


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep remarks on files from the terminal."""
    import logging

    logger = logging.getLogger("seisinv")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def examined(
    chosen: Sequence[int], seed: int, kind: str, seeds: Mapping[str, bytes], folder: Path
) -> dict[int, list[str]]:
    """Make some files and read them; return by index what readers may not do, with the kind of file before it.

    They share a process, unless something is wrong with that; then each has its own.
    """
    cases: dict[int, tuple[str, Path]] = {}
    with tempfile.TemporaryDirectory(dir=folder) as place, quiet():
        for index in chosen:
            own = Path(place, str(index))
            own.mkdir()
            if kind == "lines":
                name, content = line_case(seeds, seed, index)
                cases[index] = name, written(own / f"damaged{Path(name).suffix}", content)
            else:
                cases[index] = hostile_case(seed, index, own)

        def examine(index: int) -> list[str]:
            name, path = cases[index]
            wrong = examine_line(path, folder / name) if kind == "lines" else examine_hostile(name, path)
            return [f"{name}: {text}" for text in wrong]

        together, fault = forked(lambda: [examine(index) for index in chosen])
        if not fault:
            return dict(zip(chosen, together, strict=True))
        alone = {}
        for index in chosen:
            wrong, fault = forked(lambda index=index: examine(index))
            alone[index] = [*(wrong or ()), *([f"{cases[index][0]}: {fault}"] if fault else ())]
        return alone
