"""Google Cloud by its own APIs: shared reads, errors told apart, what the kinds `gcp_*` have in common."""
