"""A member's right to units of a coupon: granting, codes, wallet, cancelling, expiry."""
