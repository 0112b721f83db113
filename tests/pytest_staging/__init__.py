"""The distribution pytest-staging."""
