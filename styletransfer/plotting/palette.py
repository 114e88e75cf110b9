"""Colours of all figures."""

#: Okabe and Ito's colours, which people with any common colour blindness can tell apart.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
#: Of text, of small print, and of lines.
INK, GREY, RULE = "#1a1a1a", "#5f5f5f", "#d0d0d0"
