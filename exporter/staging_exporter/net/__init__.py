"""Sockets and protocols: connections, TLS, HTTP, WebSocket, gRPC, DNS. Imported by `options`, `probes` and `engine`."""
