"""Coupon terms, their windows, stock and scope."""
