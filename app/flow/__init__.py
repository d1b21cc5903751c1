"""The redemption and payment flow as one door: the gateway, the embedded flow behind it, the routes before it."""
