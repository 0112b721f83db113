"""What is installed: both distributions, their contents, and what they leave alone."""
