"""Engines map the pipeline over workers; they know nothing of what it does."""
