"""Many probes of every kind against peers whose moods change, and a look at what the exporter leaves behind."""
