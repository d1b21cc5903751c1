"""The set-up behind ./dev; standard library only, because it runs before anything is installed."""
