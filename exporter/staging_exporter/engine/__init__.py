"""What turns a configuration into runs; imported by the application and the commands."""
