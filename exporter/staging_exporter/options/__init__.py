"""Option types that kinds share; imported by evidence, probes, views and the configuration."""
