"""One self-contained HTML page about a run: models, gathers, convergence, wavelet, configuration."""

from seisinv import _deprecated
from seisinv.report.page import summary, write_report

__all__ = ["summary", "write_report"]

__getattr__ = _deprecated.moved(
    __name__,
    {
        "RunRecord": "seisinv.runs.RunRecord",
        "read_run": "seisinv.runs.read_run",
    },
)
