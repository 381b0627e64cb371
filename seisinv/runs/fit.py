"""How well a run fits the data at its start and at its end; written to fit.json when a job has ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from seisinv.runs.cost import read_fields

FILE = "fit.json"  # in a run directory


@dataclass(frozen=True)
class DataFit:
    """Pairs of numbers: in the starting model, and in the result; all filtered to the last band.

    Parameters
    ----------
    band : str
        The last band, in words.
    misfit : (float, float)
        Of the inverted shots, in the misfit that was inverted.
    unexplained : (float, float)
        Share of the energy of the inverted shots that is not predicted.
    held_out : (float, float), optional
        Of the hold-out shots, in the misfit that was inverted.

    Examples
    --------
    >>> from seisinv.runs import DataFit
    >>> DataFit("up to 9 Hz", misfit=(0.5, 0.1), unexplained=(0.8, 0.15)).held_out is None
    True
    """

    band: str
    misfit: tuple[float, float]
    unexplained: tuple[float, float]
    held_out: tuple[float, float] | None = None


def read_fit(directory: Path) -> DataFit | None:
    """Read the fit of a run.

    Parameters
    ----------
    directory : Path
        A run directory.

    Returns
    -------
    DataFit or None
        None where none was written: the run has not ended, or was not a job.

    Raises
    ------
    RunError
        If the file is damaged.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from seisinv.runs import read_fit
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_fit(Path(folder)) is None
    True
    """
    return read_fields(directory / FILE, DataFit)
