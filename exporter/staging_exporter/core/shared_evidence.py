"""The evidence that first rounds share: what all that depend on one latent component wait for is looked at once."""

from __future__ import annotations

from staging_exporter.core.records import Records
from staging_exporter.core.round import Round, is_settled, silent


class SharedEvidence:
    """Who of it has not run yet: the same for all first rounds, apart from their triggers."""

    def __init__(self) -> None:
        self._silent: dict[frozenset[str], frozenset[str]] = {}  # while no record changes
        self._missing: dict[frozenset[str], str | None] = {}

    def forget(self) -> None:
        """A record may have changed."""
        self._silent.clear()

    def silent(self, a_round: Round, records: Records) -> frozenset[str]:
        """All of those that have not run yet."""
        evidence = a_round.evidence
        if evidence not in self._silent:
            self._silent[evidence] = silent(a_round, evidence, records)
        return self._silent[evidence]

    def missing(self, a_round: Round, records: Records) -> str | None:
        """One of those other than the trigger; the one that was found last is looked at first."""
        known = self._missing.get(a_round.evidence)
        if known is None or known == a_round.trigger or is_settled(a_round, known, records[known]):
            others = self.silent(a_round, records)
            known = next((name for name in others if name != a_round.trigger), None)
            self._missing[a_round.evidence] = known
        return known
