"""Files that others wrote are read as their documentation says."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from io_files import DATA, third_party

from seisinv import io
from seisinv.core import DataError, SeisinvError
from seisinv.io.reader import recording
from seisinv.io.reading import Reading


def test_viking_graben():
    line = io.open_segy(third_party("segyio_test/viking_small.segy"))
    survey = line.survey
    assert (len(survey), survey.max_receivers, survey.time.samples, survey.time.step) == (4, 120, 600, 0.004)
    assert survey.shots[0].sources.tolist() == [[6, 3237]]
    assert survey.shots[0].receivers[0].tolist() == [10, 0]
    assert np.allclose(np.diff(survey.shots[3].receivers[:, 1]), 25)
    assert any("degrees" in note for note in line.notes)
    assert any("1500 samples" in note for note in line.notes)


def test_camembert():
    gathers = io.read_segy(third_party("camembert/transmission_data.segy"))
    assert gathers.data.shape == (7, 181, 601)
    assert gathers.survey.shots[6].sources.tolist() == [[1600, 1750]]
    assert gathers.survey.shots[0].receivers[[0, -1]].tolist() == [[100, 100], [100, 1900]]


def test_land_refraction_starts_before_the_shot():
    survey = io.open_segy(third_party("field_flinchum/70_extracted.sgy")).survey
    assert (len(survey), survey.max_receivers) == (1, 96)
    assert np.isclose(survey.time.start, -0.01)
    assert survey.time.step == 0.000125
    assert survey.shots[0].sources[0, 1] == 70


def test_seg2_files_make_a_line():
    folder = third_party("field_refrapy/field_example_02/data")
    gathers = io.read_line(sorted(folder.glob("*.dat")))
    assert gathers.data.shape == (9, 24, 4000)
    sources = sorted(shot.sources[0, 1] for shot in gathers.survey.shots)
    assert sources == [-2.5, 27.5, 57.5, 87.5, 117.5, 147.5, 177.5, 207.5, 221.0]
    assert {tuple(shot.receivers[[0, -1], 1]) for shot in gathers.survey.shots} == {(0, 115), (60, 175), (120, 235)}


def test_seg2_samples_are_the_manufacturers():
    path = third_party("obspy_seg2/20180307_031245000.0.seg2")
    with gzip.open(third_party("obspy_seg2/20180307_031245000.0.DAT.gz")) as file:
        truth = np.loadtxt(file)
    gathers = io.read_line(path)
    assert np.isclose(gathers.survey.time.start, -0.01)
    assert np.allclose(gathers.data[0, 0].numpy(), truth.reshape(-1), rtol=1e-5)


def test_su_in_feet():
    path = third_party("field_oz/ozdata.18")
    shot = io.open_line(path, units="feet").survey.shots[0]
    assert np.isclose(np.diff(shot.receivers[:, 1]).mean(), 82 * 0.3048, rtol=1e-6)


@pytest.mark.parametrize(
    "name", ["00001034.sgy", "1.sgy", "example.y", "ld0042_file_00018.sgy", "planes.segy", "one_trace_year_11.sgy"]
)
def test_first_traces_known_to_obspy(name):
    folder = third_party("obspy_segy")
    path = next(p for p in (folder / name, folder / f"{name}_first_trace") if p.exists())
    truth = np.load(path.with_name(path.name + ".npy")).ravel()
    said = recording(path, Reading(sample_format="ibm") if name == "00001034.sgy" else None)
    assert np.allclose(said.reader.load(np.array([0]))[0], truth, rtol=1e-6)


def test_a_real_file_of_ieee_floats_that_says_ibm():
    found = recording(third_party("obspy_segy/00001034.sgy_first_trace"))
    assert found.sample_format == "4-byte IEEE float"
    assert 1e-5 < np.abs(found.reader.load(np.array([0]))).max() < 1e-3


@pytest.mark.parametrize("code", [1, 2, 3, 5, 6, 8, 9, 10, 11, 12, 16])
def test_every_format_in_both_byte_orders(code):
    big = recording(third_party(f"segyio_test/multiformats/Format{code}msb.sgy"))
    little = recording(third_party(f"segyio_test/multiformats/Format{code}lsb.sgy"))
    samples = big.reader.load(np.arange(414))
    assert np.array_equal(samples, little.reader.load(np.arange(414)))
    if code in (1, 2, 3, 6, 9):
        reference = recording(third_party("segyio_test/multiformats/Format5msb.sgy")).reader.load(np.arange(414))
        # The integer files hold the rounded samples.
        assert np.abs(samples - reference).max() <= 1


@pytest.mark.parametrize("code", [4, 7, 15])
def test_formats_not_read_are_named(code):
    for order in ("msb", "lsb"):
        with pytest.raises(DataError, match=f"format {code}"):
            recording(third_party(f"segyio_test/multiformats/Format{code}{order}.sgy"))


def test_every_file_is_described_or_refused_in_one_line():
    third_party("README.md")
    described, refused = 0, []
    for path in sorted(DATA.rglob("*")):
        if not path.is_file() or "marmousi2_agl" in str(path):
            continue
        try:
            text = io.info_text(io.describe(path))
        except SeisinvError as error:
            refused.append(str(error))
        else:
            described += 1
            assert len(text.splitlines()) < 40
    assert not [message for message in refused if "\n" in message]
    assert described > 40


def test_marmousi2_needs_its_spacing_and_unit():
    path = third_party("marmousi2_agl_segy/vp_marmousi-ii.segy.gz")
    model = io.read_model(path, spacing=1.25, units="km/s", every=10)
    assert model.grid.shape == (281, 1361)
    assert model.grid.spacing == (12.5, 12.5)
    assert np.isclose(float(model.vp[0, 0]), 1500)
    assert np.isclose(float(model.vp.max()), 4700, atol=1)
