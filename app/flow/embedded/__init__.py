"""The flow that shares our database: claims, tills and payments as plans."""
