"""Recipes that make weights: one module a recipe, run by `suite train`."""
