"""What a training keeps to go on from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from seisinv.core import DataError, RunError
from seisinv.core.files import parsed
from seisinv.core.tensors import read_tensors

CHECKPOINT = "checkpoint.safetensors"
_RECORD = {"recipe": dict, "step": int, "seconds": int | float, "rows": list}


def read_checkpoint(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint: tensors by name, and the record of the training.

    Raises
    ------
    RunError
        If it is damaged, or was written by another version.
    """
    try:
        tensors, metadata = read_tensors(file)
    except DataError:
        raise RunError(f"{file} is damaged; delete it to train from the start, or choose another directory") from None
    try:
        record = parsed(json.loads, metadata["training"], "JSON")
        if not all(isinstance(record[name], kind) for name, kind in _RECORD.items()):
            raise TypeError
    except (KeyError, TypeError, ValueError):
        raise other_version(file) from None
    return tensors, record


def other_version(file: Path) -> RunError:
    """Return the error of a checkpoint that does not fit."""
    return RunError(f"{file} is not a checkpoint of this version of seisinv; choose another directory")
