"""Comparisons: several inversions of the same data, judged alike, in one table and one page that stands alone."""

from seisinv.compare.card import Card, DataScores, ModelScores, model_scores
from seisinv.compare.columns import as_csv, as_json, as_text, columns
from seisinv.compare.comparison import Comparison, Judged, Label, check_comparable, judged
from seisinv.compare.crime import Recipe, crime
from seisinv.compare.entries import Entry, run
from seisinv.compare.judge import Judge
from seisinv.compare.page import write_comparison
from seisinv.compare.robust import Pair, Robustness, paired, robustness
from seisinv.compare.wavenumber import Coherence, by_depth, coherence, parted_rmse

__all__ = [
    "Card",
    "Coherence",
    "Comparison",
    "DataScores",
    "Entry",
    "Judge",
    "Judged",
    "Label",
    "ModelScores",
    "Pair",
    "Recipe",
    "Robustness",
    "as_csv",
    "as_json",
    "as_text",
    "by_depth",
    "check_comparable",
    "coherence",
    "columns",
    "crime",
    "judged",
    "model_scores",
    "paired",
    "parted_rmse",
    "robustness",
    "run",
    "write_comparison",
]
