"""What outlives a restart; imported by the application and the commands."""
