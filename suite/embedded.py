"""The protocols that every machine can run: their images and their references come as packages."""

from __future__ import annotations

MODELS, CODECS = "pv-cells@1", "pv-open-codecs@1"
"""For models and mitigations, and for codecs."""
