"""One self-contained HTML page about a run: models, gathers, convergence, wavelet, configuration."""

from seisinv.report.metrics import Quality, quality
from seisinv.report.page import write_report
from seisinv.report.record import RunRecord, read_run

__all__ = ["Quality", "RunRecord", "quality", "read_run", "write_report"]
