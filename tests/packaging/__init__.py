"""What is installed: the distributions, their contents and what they leave alone, and the locks."""
