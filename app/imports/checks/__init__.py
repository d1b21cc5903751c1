"""What a version of regional data is checked for before anybody may show it, and the gate that follows from it."""
