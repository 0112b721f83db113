"""Drafts of configurations."""
