"""Signal processing of gathers: pass bands, mutes, delays between predicted and observed traces, spectra."""

from seisinv.signal.delays import SkipShare, cycle_skip_share
from seisinv.signal.processing import Band, Window

__all__ = ["Band", "SkipShare", "Window", "cycle_skip_share"]
