"""Public models and data: where they are, under which licence, and what their files must be.

Nothing of it comes with the package. Addresses and licences are as published by those who host the files; the checksums
that are given were taken from copies of the files, the others are recorded at the first download (see `download`).
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from seisinv.core import ConfigError

_SEG = "https://s3.amazonaws.com/open.source.geoscience/open_data"


@dataclass(frozen=True)
class Dataset:
    """A file that anyone may download.

    Parameters
    ----------
    name : str
        What `seisinv data fetch` calls it.
    title : str
    url : str
    licence : str
        As its source states it; read it there before you pass anything on.
    source : str
        Page or publication that describes it.
    megabytes : float
        About its size.
    sha256 : str, optional
        Known checksum; None: recorded at the first download and checked ever after.
    hint : str
        How to read it with seisinv.

    Examples
    --------
    >>> Dataset("mine", "A model", "https://example.org/vp.sgy", "CC BY 4.0", "https://example.org", 1.0).file
    'vp.sgy'
    """

    name: str
    title: str
    url: str
    licence: str
    source: str
    megabytes: float
    sha256: str | None = None
    hint: str = ""

    @property
    def file(self) -> str:
        """Name of the file."""
        return self.url.rsplit("/", 1)[-1]


CATALOGUE: tuple[Dataset, ...] = (
    Dataset(
        "marmousi2",
        "Marmousi2, P velocity on 1.25 m (13 601 × 2 801), km/s",
        "http://www.agl.uh.edu/downloads/vp_marmousi-ii.segy.gz",
        "open release of the Allied Geophysical Laboratories, University of Houston; no licence text",
        "Martin, Wiley & Marfurt 2006, doi:10.1190/1.2172306",
        1.8,
        "2c7a0c4170c95a15620c2146573711c61a4cef8dc27338ef6c211a81ffa68920",
        'si.io.read_model(path, spacing=1.25, units="km/s", every=10)',
    ),
    Dataset(
        "marmousi2-elastic",
        "Marmousi2, P and S velocity and density, with data, as archive",
        f"{_SEG}/elastic-marmousi/elastic-marmousi-model.tar.gz",
        "open release of the Allied Geophysical Laboratories, University of Houston; see the SEG wiki",
        "https://wiki.seg.org/wiki/AGL_Elastic_Marmousi",
        154,
        hint="unpack it; the models are SEG-Y files of 1.25 m",
    ),
    Dataset(
        "overthrust",
        "SEG/EAGE Overthrust, 3-D, squared slowness on 25 m (801 × 801 × 207), s²/km²",
        "https://zenodo.org/records/4252588/files/overthrust_3D_true_model.h5",
        "CC BY 4.0",
        "Aminzadeh, Brac & Kunz 1997; doi:10.5281/zenodo.4252588",
        531,
        hint="HDF5: m is squared slowness in s²/km², so vp = 1000 / √m; a section m[:, k, :] makes a 2-D model",
    ),
    Dataset(
        "bp2004",
        "BP 2004 velocity benchmark, exact P velocity on 6.25 × 12.5 m, m/s",
        f"{_SEG}/bpvelanal2004/vel_z6.25m_x12.5m_exact.segy.gz",
        "courtesy of BP and F. Billette, released for research; see the SEG wiki",
        "Billette & Brandsberg-Dahl 2005; https://wiki.seg.org/wiki/2004_BP_velocity_estimation_benchmark_model",
        19.5,
        hint="si.io.read_model(path, spacing=(6.25, 12.5))",
    ),
    Dataset(
        "viking-graben",
        "Mobil AVO Viking Graben line 12, a marine line of 1001 shots × 120 channels",
        f"{_SEG}/Mobil_Avo_Viking_Graben_Line_12/seismic.segy",
        "released by Mobil for the 1994 SEG workshop; see the SEG wiki",
        "Keys & Foster 1998; https://wiki.seg.org/wiki/Mobil_AVO_viking_graben_line_12",
        750,
        hint="seisinv info FILE, then seisinv invert FILE --water 365 --free-surface",
    ),
)


def dataset(name: str) -> Dataset:
    """Return a dataset of the catalogue.

    Parameters
    ----------
    name : str
        As `seisinv data list` shows it.

    Returns
    -------
    Dataset

    Raises
    ------
    ConfigError
        If there is none of that name.

    Examples
    --------
    >>> dataset("marmousi2").file
    'vp_marmousi-ii.segy.gz'
    """
    known = {d.name: d for d in CATALOGUE}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
    raise ConfigError(f"{name!r} is not a dataset of the catalogue; {hint}")
