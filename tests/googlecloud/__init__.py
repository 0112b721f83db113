"""The fake Google Cloud, held to Google's discovery documents; `python -m tests.googlecloud` renews these."""
