"""The use of a claim at the till, and its undoing."""
