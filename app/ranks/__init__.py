"""How popular places are: snapshots of a city's redemptions, which searches order by."""
