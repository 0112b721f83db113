"""Drafts from the files of other tools: one module for each format, and what they share. Imported by `commands`."""
