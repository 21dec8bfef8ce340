"""Folds the log into read models: kept in tables, or as of some moment."""
