"""Administrative areas and business districts, versioned."""
