"""One place once: duplicates within a load and against what is known, merged, kept apart, or left to a person."""
