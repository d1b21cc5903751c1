"""Drives a flow through its published contract, over HTTP alone, and holds it to what it promises."""
