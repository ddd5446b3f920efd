"""What all charts share: colours, shapes, and the size of a small multiple."""

OKABE_ITO = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#999999"]
"""Colours that people with any colour vision tell apart (Okabe and Ito, 2008)."""

SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right", "triangle-left"]
"""A shape for each colour, for print and for whoever tells no colours apart."""

MOST_SERIES = len(OKABE_ITO)
"""So many lines or groups can be told apart in one chart."""

NEUTRAL = "#808080"
"""Rules and marks that belong to no series: seen on white and on black."""

PANEL_WIDTH, PANEL_HEIGHT, PANELS_A_ROW = 320, 240, 3
