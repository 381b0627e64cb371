"""Comparisons: several inversions of the same data, evaluated alike, in one table and one self-contained page."""

from seisinv import _deprecated
from seisinv.compare.columns import as_csv, as_json, as_text, columns
from seisinv.compare.comparison import Comparison, Evaluated, Label, check_comparable, evaluate
from seisinv.compare.driver import PlannedRun, run_all
from seisinv.compare.entries import Entry, run
from seisinv.compare.evaluator import Evaluator
from seisinv.compare.page import write_comparison
from seisinv.compare.robust import PairedRuns, Robustness, paired, robustness
from seisinv.compare.scores import DataScores, ModelScores, Scores, model_scores

__all__ = [
    "Comparison",
    "DataScores",
    "Entry",
    "Evaluated",
    "Evaluator",
    "Label",
    "ModelScores",
    "PairedRuns",
    "PlannedRun",
    "Robustness",
    "Scores",
    "as_csv",
    "as_json",
    "as_text",
    "check_comparable",
    "columns",
    "evaluate",
    "model_scores",
    "paired",
    "robustness",
    "run",
    "run_all",
    "write_comparison",
]

_deprecated.method(Evaluator, "see", Evaluator.predict, "Evaluator.predict(model)")
_deprecated.attribute(Evaluated, "card", "scores")
evaluate = _deprecated.renamed(evaluate, "evaluate", {"judge": "evaluator"})

__getattr__ = _deprecated.moved(
    __name__,
    {
        "Card": "seisinv.compare.Scores",
        "Judge": "seisinv.compare.Evaluator",
        "Judged": "seisinv.compare.Evaluated",
        "Coherence": "seisinv.metrics.Coherence",
        "Pair": "seisinv.compare.PairedRuns",
        "Recipe": "seisinv.synthetic.ModellingRecipe",
        "by_depth": "seisinv.metrics.by_depth",
        "coherence": "seisinv.metrics.coherence",
        "judged": "seisinv.compare.evaluate",
        "parted_rmse": "seisinv.metrics.parted_rmse",
    },
)
