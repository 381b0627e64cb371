"""One self-contained HTML page about a run: models, gathers, convergence, wavelet, configuration."""

from seisinv.report.page import write_report
from seisinv.report.record import RunRecord, read_run

__all__ = ["RunRecord", "read_run", "write_report"]
