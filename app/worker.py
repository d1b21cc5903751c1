"""The process beside the web: relay, deliveries, sweepers, resolver of payments. Wires what the modules offer."""
