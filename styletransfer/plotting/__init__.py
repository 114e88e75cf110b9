"""Figures. matplotlib is imported inside the functions, and never its global state (no pyplot).

A function returns a figure, which notebooks show; ``figure.savefig(path)`` writes it.
"""

from styletransfer.plotting.comparison import comparison_figure, loss_curve, title
from styletransfer.plotting.curves import loss_histories, loss_terms
from styletransfer.plotting.descents import animate, descents
from styletransfer.plotting.lessons import feature_maps, gram_maps, pictures, receptive_fields
from styletransfer.plotting.palette import COLORS, GREY, INK, RULE
from styletransfer.plotting.sweeps import sweep, trade_off

__all__ = [
    "COLORS",
    "GREY",
    "INK",
    "RULE",
    "animate",
    "comparison_figure",
    "descents",
    "feature_maps",
    "gram_maps",
    "loss_curve",
    "loss_histories",
    "loss_terms",
    "pictures",
    "receptive_fields",
    "sweep",
    "title",
    "trade_off",
]
