"""Businesses, their staff, and the places they run."""
