"""The search rows: a place once for each of its facets, where nearest-neighbour scans find it."""
