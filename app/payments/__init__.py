"""Payments and refunds, and the providers behind one gateway."""
