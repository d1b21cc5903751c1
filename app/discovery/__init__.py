"""The read side: nearby search, lookups, tiles."""
