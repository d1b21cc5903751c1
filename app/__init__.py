"""Fujin: nearby merchants and coupons by geofence and distance."""
