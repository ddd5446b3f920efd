"""What does lossy compression cost a vision model? Read `api`, `spec`, `plan`, `pipeline`, `runner`, in this order."""

__version__ = "0.1.0"
