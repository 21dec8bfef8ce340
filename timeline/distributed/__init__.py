"""Folds the log on several workers, by Dask."""
