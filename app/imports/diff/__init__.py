"""What a version changes against another: rows, places on the map, and what hangs on them."""
