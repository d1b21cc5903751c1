"""Statements of what merchants are owed: collected from the ledger, closed, paid, each line once."""
