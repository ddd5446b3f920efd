"""One file a dataset, with its lists of samples beside it."""
