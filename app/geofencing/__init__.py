"""Geofences: positions of members become events of fences, for those who agreed to it."""
