"""Arrays from outside pass one door: native real numbers come out, or one error of one line."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import seisinv as si
from seisinv.core import ConfigError, DataError, ModelError, SeisinvError
from seisinv.core.arrays import numbers, read_npy, read_npz
from seisinv.core.files import read_json, read_toml, size_of
from seisinv.io import read_model

VALUES = np.arange(12.0).reshape(3, 4)


def npy_bytes(values: object, **options: object) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, **options)
    return stream.getvalue()


def zipped(path: Path, members: dict[str, bytes], **options: object) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def header(text: str, body: bytes = b"") -> bytes:
    text = text.ljust(118) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + body


@pytest.mark.parametrize("kind", [">f4", "<f8", ">i2", "u1", "f2", "<U5", "?", "c8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_back_as_they_were_in_native_order(tmp_path, kind, order):
    values = np.asarray(VALUES.astype(kind), order=order)
    np.savez(tmp_path / "a.npz", a=values, b=np.zeros(0), c=values[0, 0])
    np.save(tmp_path / "a.npy", values)
    found = read_npz(tmp_path / "a.npz", names=("a", "c"))
    for array in (found["a"], read_npy(tmp_path / "a.npy")):
        assert array.dtype == values.dtype.newbyteorder("=")
        assert array.dtype.isnative
        assert array.flags.writeable
        assert np.array_equal(array, values)
    assert (found["b"].shape, found["c"].shape) == ((0,), ())


class Executes:
    def __reduce__(self) -> tuple[object, ...]:
        return os._exit, (99,)


HOSTILE_NPY = {
    "empty": b"",
    "magic only": b"\x93NUMPY",
    "truncated": npy_bytes(VALUES)[:-1],
    "longer than it says": npy_bytes(VALUES) + b"\0",
    "pickle": npy_bytes(np.array([Executes()], object), allow_pickle=True),
    "bare pickle": pickle.dumps(Executes()),
    "structured": npy_bytes(np.zeros(3, "f4,f4")),
    "bytes": npy_bytes(np.array([b"ab"])),
    "dates": npy_bytes(np.array(["2020-01-01"], "M8[D]")),
    "petabytes": header("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000000)}"),
    "negative": header("{'descr': '<f8', 'fortran_order': False, 'shape': (-3, -4)}", bytes(96)),
    "no integers": header("{'descr': '<f8', 'fortran_order': False, 'shape': (3.0,)}", bytes(24)),
    "nested": header("{'descr': " + "[" * 3000 + "]" * 3000 + ", 'fortran_order': False, 'shape': (3,)}"),
    "code": header("{'descr': __import__('os')._exit(9), 'fortran_order': False, 'shape': (3,)}"),
    "version 9": b"\x93NUMPY\x09" + npy_bytes(VALUES)[7:],
    "foreign": b"hello, world\n" * 20,
}


@pytest.mark.parametrize("name", HOSTILE_NPY)
def test_damaged_and_hostile_arrays_are_one_error(tmp_path, name):
    (tmp_path / "a.npy").write_bytes(HOSTILE_NPY[name])
    for path, read in (
        (tmp_path / "a.npy", read_npy),
        (zipped(tmp_path / "a.npz", {"a.npy": HOSTILE_NPY[name]}), read_npz),
    ):
        with pytest.raises(DataError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: the array file cannot be read: ")
        assert "\n" not in str(caught.value)
        assert "pickle=True" not in str(caught.value)


def test_damaged_archives_are_one_error(tmp_path):
    np.savez_compressed(tmp_path / "a.npz", a=np.random.default_rng(0).normal(size=100))
    whole = (tmp_path / "a.npz").read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for content in (b"", whole[: len(whole) // 2], whole[:-20], bytes(flipped), b"PK\x03\x04" + bytes(40)):
        (tmp_path / "b.npz").write_bytes(content)
        with pytest.raises(DataError, match=r"b\.npz: the array file cannot be read"):
            read_npz(tmp_path / "b.npz")
    with pytest.raises(DataError, match="holds a, but not key"):
        read_npz(tmp_path / "a.npz", names=("a", "key"))


def test_odd_members_are_refused(tmp_path):
    good = npy_bytes(VALUES)
    twice = zipped(tmp_path / "twice.npz", {"a.npy": good, "b.npy": good}).read_bytes()
    (tmp_path / "twice.npz").write_bytes(twice.replace(b"b.npy", b"a.npy"))
    for path in (
        tmp_path / "twice.npz",
        zipped(tmp_path / "notes.npz", {"a.npy": good, "notes.txt": b"hello"}),
        zipped(tmp_path / "folder.npz", {"a.npy/": b""}),
        zipped(tmp_path / "lzma.npz", {"a.npy": good}, compression=zipfile.ZIP_LZMA),
    ):
        with pytest.raises(DataError, match=r"is not an array or is there twice|unusual way"):
            read_npz(path)


def test_archive_bombs_are_not_unpacked(tmp_path):
    """A small file that would unpack to 4 GB is refused before its first byte."""
    start = header("{'descr': '<f8', 'fortran_order': False, 'shape': (62500, 8000)}")
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as file:
        file.write(start)
        for _ in range(40):
            file.write(bytes(10_000_000))
    with pytest.raises(DataError, match="unpack to"):
        read_npz(tmp_path / "a.npz")
    lies = bytearray((tmp_path / "a.npz").read_bytes())
    central = lies.rindex(b"PK\x01\x02")
    lies[central + 24 : central + 28] = (1000).to_bytes(4, "little")  # the size it claims
    (tmp_path / "b.npz").write_bytes(lies)
    with pytest.raises(DataError, match="cannot be read"):
        read_npz(tmp_path / "b.npz")


@pytest.mark.parametrize("read", [read_npy, read_npz, read_toml, read_json, size_of])
def test_pipes_devices_and_folders_are_not_waited_for(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero"), tmp_path / "absent", tmp_path / "a\0b"):
        with pytest.raises(DataError) as caught:
            read(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "value",
    ["fast", [[1, 2], [3]], np.zeros(3, "f4,f4"), np.array([1j]), [None], np.array(["2020"], "M8[Y]"), {"a": 1},
     np.ma.array([1.0, 2.0], mask=[True, False]), torch.ones(2, requires_grad=True), [10**400]],
)  # fmt: skip
def test_what_is_no_array_of_real_numbers_is_named(value):
    with pytest.raises(ModelError, match="spacing"):
        numbers(value, "spacing", error=ModelError)


@pytest.mark.parametrize("kind", [">f4", "<f8", ">i4", "f2", "g", "?", "u8"])
def test_real_numbers_become_native(kind):
    found = numbers(VALUES.astype(kind), "vp", shape=(None, 4))
    assert found.dtype.isnative
    assert found.itemsize <= 8
    assert np.array_equal(found, VALUES.astype(kind).astype(float))


def test_shapes_and_values_that_are_not_finite_are_named():
    with pytest.raises(DataError, match=r"vp has shape \(3, 4\); it must be \(3, any, 2\)"):
        numbers(VALUES, "vp", shape=(3, None, 2))
    with pytest.raises(DataError, match="vp holds 2 NaN or infinite values of 3"):
        numbers([np.nan, np.inf, 1], "vp")


def test_text_of_others_may_nest_and_count_as_it_likes(tmp_path):
    for name, read, text in (
        ("a.toml", read_toml, "a = " + "[" * 5000 + "]" * 5000),
        ("a.toml", read_toml, "a = " + "9" * 5000),
        ("a.toml", read_toml, "a = \x00"),
        ("a.json", read_json, "[" * 200_000),
        ("a.json", read_json, "9" * 5000),
        ("a.json", read_json, "{"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match=f"{name}: not valid "):
            read(tmp_path / name)
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="not a text file"):
        read_toml(tmp_path / "a.toml")


GRID = si.Grid((5, 6), 10.0)
SHOT = si.Shot([[0.0, 0.0]], [[0.0, 0.0]])
SURVEY = si.Survey((SHOT,), si.TimeAxis(0.1, 4))
# Every place where an array or a number of a user enters.
ENTRANCES = {
    "shape": lambda v: si.Grid(v, 10.0),
    "nodes": lambda v: si.Grid((v, 5), 10.0),
    "spacing": lambda v: si.Grid((5, 6), v),
    "origin": lambda v: si.Grid((5, 6), 10.0, (0.0, v)),
    "vp": lambda v: si.Model(GRID, vp=v),
    "tops": lambda v: si.Model.layered(GRID, v, vp=v),
    "sources": lambda v: si.Shot(v, [[0.0, 0.0]]),
    "receivers": lambda v: si.Shot([[0.0, 0.0]], [[0.0, v]]),
    "every source": lambda v: surface(sources=v),
    "time": lambda v: si.TimeAxis(0.1, 5, v),
    "samples": lambda v: si.TimeAxis(0.1, v),
    "wavelet": lambda v: surface(wavelet=v),
    "duration": lambda v: surface(duration=v),
    "data": lambda v: si.Gathers(v, SURVEY),
    "live": lambda v: si.Gathers(torch.zeros(1, 1, 4), SURVEY, v),
    "line": lambda v: si.line(0, v, every=10),
    "peak": si.ricker,
    "bounds": lambda v: si.Bounded(si.Model(GRID, vp=2000.0), vp=v),
    "water": lambda v: si.Bounded(si.Model(GRID, vp=2000.0), vp=(1500, 2500), water=v),
}
HOSTILE = {
    "text": "fast", "bytes": b"x", "dict": {}, "nan": float("nan"), "infinite": [float("inf")], "huge": 10**400,
    "complex": np.full((5, 6), 1j), "object": np.array([None]), "structured": np.zeros(3, "f4,f4"),
    "ragged": [[1], [1, 2]], "four axes": np.ones((1, 1, 1, 1)), "empty": np.ones(0), "words": np.array([["a"]]),
    "date": np.array(["2020"], "M8[Y]"), "masked": np.ma.array(np.ones((5, 6)), mask=True),
    "half": torch.ones(5, 6).half(), "bfloat16": torch.ones(5, 6).bfloat16(), "sparse": torch.eye(5).to_sparse(),
    "complex tensor": torch.ones(5, 6, dtype=torch.complex64),
}  # fmt: skip


def surface(**changes):
    given = {"sources": [[0.0, 0.0]], "receivers": [[0.0, 0.0]], "wavelet": None, "duration": 0.4, "dt": 0.1}
    return si.Survey.surface(**(given | changes))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize("value", HOSTILE)
def test_what_users_pass_is_refused_where_it_enters(entrance, value):
    with pytest.raises(SeisinvError) as caught:
        ENTRANCES[entrance](HOSTILE[value])
    assert str(caught.value).isprintable()


def test_arrays_of_users_stay_theirs():
    places = np.zeros((2, 2))
    si.Shot(places, places)
    assert places.flags.writeable


MODELS = {
    "3-D with spacing of 2": ({"vp": np.full((3, 4, 5), 2e3)}, "spacing has 2 values; the grid has 3 axes"),
    "spacing of 3": ({"spacing": np.ones(3)}, "spacing has 3 values; the grid has 2 axes"),
    "spacing of text": ({"spacing": np.array("ten")}, "spacing holds <U3 values"),
    "origin of 3": ({"origin": np.ones(3)}, "origin has 3 values"),
    "complex": ({"vp": np.full((3, 4), 2e3 + 1j)}, "vp holds complex values; it must hold real numbers"),
    "0-d": ({"vp": np.array(2e3)}, "shape has 0 axes"),
    "4-d": ({"vp": np.full((3, 4, 5, 6), 2e3)}, "shape has 4 axes"),
    "dates": ({"vp": np.zeros((3, 4), "M8[s]")}, "datetime64"),
}


@pytest.mark.parametrize("name", MODELS)
def test_hostile_models_are_one_error_with_the_file(tmp_path, name):
    changes, words = MODELS[name]
    good = {"vp": np.full((3, 4), 2e3), "spacing": np.ones(2), "origin": np.zeros(2)}
    np.savez(tmp_path / "m.npz", **(good | changes))
    with pytest.raises(SeisinvError) as caught:
        read_model(tmp_path / "m.npz")
    assert str(caught.value).startswith(f"{tmp_path / 'm.npz'}: ")
    assert words in str(caught.value)


def test_big_endian_models_are_read(tmp_path):
    values = np.linspace(1500, 4000, 12).reshape(3, 4).astype(">f4")
    np.savez(tmp_path / "m.npz", vp=values, spacing=np.array([10.0, 10.0], ">f8"), origin=np.zeros(2, ">i4"))
    np.save(tmp_path / "m.npy", values)
    for model in (read_model(tmp_path / "m.npz"), read_model(tmp_path / "m.npy", spacing=10)):
        assert np.array_equal(model.vp.numpy(), values.astype("f4"))


@pytest.mark.parametrize("dtype", ["S4", "f4,f4", "V4", "(600,)f4", "O", "c8", "f4,(,f4", "M8[s]"])
def test_raw_models_of_no_numbers_are_refused(tmp_path, dtype):
    (tmp_path / "vp.bin").write_bytes(bytes(2400))
    with pytest.raises(ConfigError, match="dtype is "):
        read_model(tmp_path / "vp.bin", shape=(20, 30), dtype=dtype, layout="zx", spacing=10)
    with pytest.raises(ConfigError, match=r"shape is \(-20, -30\)"):
        read_model(tmp_path / "vp.bin", shape=(-20, -30), layout="zx", spacing=10)
