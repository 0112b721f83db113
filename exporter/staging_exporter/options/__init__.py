"""What kinds share: their base, option types, judging of answers; imported by evidence, probes, views, config."""
