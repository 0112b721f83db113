"""What broke in the incident, replayed through the pure core."""
