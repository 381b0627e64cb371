"""Comparisons: several inversions of the same data, judged alike, in one table and one page that stands alone."""

from seisinv import _deprecated
from seisinv.compare.card import DataScores, ModelScores, Scores, model_scores
from seisinv.compare.columns import as_csv, as_json, as_text, columns
from seisinv.compare.comparison import Comparison, Judged, Label, check_comparable, judged
from seisinv.compare.entries import Entry, run
from seisinv.compare.judge import Judge
from seisinv.compare.page import write_comparison
from seisinv.compare.robust import PairedRuns, Robustness, paired, robustness

__all__ = [
    "Comparison",
    "DataScores",
    "Entry",
    "Judge",
    "Judged",
    "Label",
    "ModelScores",
    "PairedRuns",
    "Robustness",
    "Scores",
    "as_csv",
    "as_json",
    "as_text",
    "check_comparable",
    "columns",
    "judged",
    "model_scores",
    "paired",
    "robustness",
    "run",
    "write_comparison",
]

__getattr__ = _deprecated.moved(
    __name__,
    {
        "Card": "seisinv.compare.Scores",
        "Coherence": "seisinv.metrics.Coherence",
        "Pair": "seisinv.compare.PairedRuns",
        "Recipe": "seisinv.synthetic.ModellingRecipe",
        "by_depth": "seisinv.metrics.by_depth",
        "coherence": "seisinv.metrics.coherence",
        "parted_rmse": "seisinv.metrics.parted_rmse",
    },
)
