"""Edits of single places by hand."""
