"""One file a provider, all behind the protocol in ``gateway``."""
