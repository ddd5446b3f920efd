"""One file a mitigation."""
