"""The HTTP server: routes for machines and for people; imported by the application."""
