"""What happened, in order: events with their relay and signed webhooks, and work that is due."""
