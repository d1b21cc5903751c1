"""People and machines that act: members, credentials, roles, tokens."""
