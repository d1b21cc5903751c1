"""Invariants that must return no row."""
