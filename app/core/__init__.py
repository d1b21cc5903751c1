"""Shared ground without Flask and without any module: settings, database, clock, ids, money, paging, logs."""
