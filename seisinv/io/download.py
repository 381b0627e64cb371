"""Downloading public data, once, and never trusting a file that differs from what it was.

`pooch` downloads to a temporary file, compares SHA-256, and renames: a broken or wrong download leaves nothing behind.
Where no checksum is known, that of the first download is written to `checksums.json` beside the file, and whatever is
there later must have it.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

from seisinv.core import DataError
from seisinv.core.files import read_json, write_whole
from seisinv.io.catalogue import Dataset

log = logging.getLogger("seisinv.io")

FOLDER = "SEISINV_DATA"  # environment variable
RECORD = "checksums.json"
TIMEOUT = 30.0  # s without an answer


def data_folder() -> Path:
    """Return where downloads are kept: $SEISINV_DATA, else the user's data folder."""
    from platformdirs import user_data_path

    return Path(os.environ[FOLDER]) if os.environ.get(FOLDER) else user_data_path("seisinv") / "data"


def fetch(dataset: Dataset, *, folder: Path | None = None) -> Path:
    """Return the file of a dataset, downloading it if it is not there.

    A file put there by hand is taken as well, if its checksum is right or, where none is known, recorded with it.

    Parameters
    ----------
    dataset : Dataset
        Of the catalogue (`catalogue.dataset(name)`), or one of your own.
    folder : path, optional
        Default: `data_folder()`.

    Returns
    -------
    Path

    Raises
    ------
    DataError
        If it cannot be downloaded, saying what to download and where to put it; or if a file is not what it was.

    Examples
    --------
    >>> from seisinv import io
    >>> io.fetch(io.dataset("marmousi2"))  # doctest: +SKIP
    """
    import pooch

    folder = Path(folder) if folder is not None else data_folder()
    path = folder / dataset.file
    known, origin = expected(dataset, folder)
    if path.exists():
        _check(path, known, origin)
        if known is None:
            _record(folder, path)
        return path
    log.info("downloading %s (about %g MB) from %s", dataset.name, dataset.megabytes, dataset.url)
    pooch.get_logger().setLevel(logging.WARNING)  # the line above says it
    by_hand = f"download {dataset.url} by other means and put it at {path}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(
            dataset.url,
            known_hash=None if known is None else f"sha256:{known}",
            fname=dataset.file,
            path=folder,
            downloader=pooch.HTTPDownloader(timeout=TIMEOUT),
        )
    except Exception as error:
        # What requests and urllib3 raise is a family of its own, that of pooch a ValueError.
        raise DataError(f"{dataset.name} cannot be downloaded: {_reason(error, known, origin)}; {by_hand}") from None
    if known is None:
        _record(folder, path)
    return path


def expected(dataset: Dataset, folder: Path) -> tuple[str | None, str]:
    """Return the SHA-256 that the file must have, None where nothing is known yet, and where that comes from."""
    if dataset.sha256 is not None:
        return dataset.sha256, "the catalogue's"
    return _records(folder).get(dataset.file), f"that of the first download, kept in {RECORD}"


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    import pooch

    return str(pooch.file_hash(str(path), alg="sha256"))


def _check(path: Path, known: str | None, origin: str) -> None:
    found = checksum(path)
    if known is not None and found != known:
        raise DataError(
            f"{path} has the SHA-256 {found[:12]}…, not {known[:12]}… ({origin}); delete it and fetch it again"
        )


def _records(folder: Path) -> dict[str, str]:
    file = folder / RECORD
    if not file.exists():
        return {}
    try:
        return {str(name): str(value) for name, value in read_json(file).items()}
    except (DataError, AttributeError):
        raise DataError(f"{file} cannot be read as checksums; delete it to record them anew") from None


def _record(folder: Path, path: Path) -> None:
    found = checksum(path)
    content = json.dumps(_records(folder) | {path.name: found}, indent=1, sort_keys=True) + "\n"
    write_whole(folder / RECORD, content.encode())
    log.info("no checksum of %s was known; its SHA-256 %s… is recorded, and checked from now on", path.name, found[:12])


def _reason(error: Exception, known: str | None, origin: str) -> str:
    """Return in a few words what went wrong."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"no answer within {TIMEOUT:g} s"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    if isinstance(error, ValueError) and "hash" in str(error).lower():
        return f"what came is not the file that is expected (its SHA-256 is not {str(known)[:12]}…, {origin})"
    return " ".join(str(error).split()) or type(error).__name__
