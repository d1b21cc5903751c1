"""Pure geometry on longitude and latitude: WGS 84 degrees, metres, no web framework and no database."""
