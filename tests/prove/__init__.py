"""`make prove`: what takes longer than the tests may, and the table of its results."""
