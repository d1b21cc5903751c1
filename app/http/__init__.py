"""Shared by all routes: problems, authentication, units of work, idempotency, caching, limits."""
