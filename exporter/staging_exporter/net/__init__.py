"""What several kinds share: the base of a kind, the trace of a run, sockets, TLS, names, matchers."""
