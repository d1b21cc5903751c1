"""The pages that a browser shows: a map with a list, and the API's description."""
