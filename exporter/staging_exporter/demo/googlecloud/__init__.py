"""A fake Google Cloud: an HTTP server that answers for Google's APIs, held to their discovery documents."""
