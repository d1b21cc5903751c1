"""Loads of regional data: read, check, stage, activate."""
