"""Sockets and protocols: connections, TLS, HTTP, WebSocket, gRPC, DNS; imported by options, probes and the engine."""
