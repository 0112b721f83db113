"""What kinds share: base class, option types, matchers. Imported by `evidence`, `probes`, `engine`, `config`, `web`."""
