"""Run directories: what a run keeps on disk, written so that it can be resumed to the bit, and read again."""

from seisinv.runs.cost import Cost, read_cost
from seisinv.runs.directory import RunDirectory
from seisinv.runs.fit import DataFit, read_fit
from seisinv.runs.record import RunRecord, read_run
from seisinv.runs.uncertainty import Spread, Uncertainty, read_ensemble

__all__ = [
    "Cost",
    "DataFit",
    "RunDirectory",
    "RunRecord",
    "Spread",
    "Uncertainty",
    "read_cost",
    "read_ensemble",
    "read_fit",
    "read_run",
]
