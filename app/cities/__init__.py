"""Territories, their datasets, and the one pointer that every read of regional data goes through."""
