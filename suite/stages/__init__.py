"""The two stages of a measurement: samples to frames, and frames to predictions."""
