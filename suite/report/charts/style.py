"""What all charts share: colours, and the size of a small multiple."""

OKABE_ITO = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#999999"]
"""Colours that people with any colour vision tell apart (Okabe and Ito, 2008)."""

GREY = "#999999"
"""For lines that are no data: it shows on light and on dark."""

PANEL_WIDTH, PANEL_HEIGHT, PANELS_A_ROW = 320, 240, 3
