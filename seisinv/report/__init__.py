"""One self-contained HTML page about a run: models, gathers, convergence, wavelet, configuration."""

from seisinv.report.page import summary, write_report
from seisinv.report.record import RunRecord, read_run

__all__ = ["RunRecord", "read_run", "summary", "write_report"]
