"""Areas a place serves, drawn by its merchant."""
