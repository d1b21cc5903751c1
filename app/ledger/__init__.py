"""Double entry: accounts, transfers by a posting table, balances."""
