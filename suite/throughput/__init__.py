"""How fast are models, mitigations and codecs on this host? `timing` is pure, `session` runs a protocol."""
