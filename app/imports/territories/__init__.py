"""Territories added and changed from the command line."""
