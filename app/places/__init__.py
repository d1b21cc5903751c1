"""Points of business, categories, brands, opening hours."""
