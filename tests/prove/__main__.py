"""`make prove ARGS="NAME ..."`: run the proofs, all or those named, and write their rows to deploy/docs/proofs.md."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.prove.proofs import PROOFS
from tests.prove.table import run, written

TABLE = Path(__file__).parents[2] / "deploy" / "docs" / "proofs.md"


def main(names: list[str]) -> int:
    """The exit code: 1 when a proof failed, 2 when there is none of that name."""
    known = [proof.name for proof in PROOFS]
    if unknown := [name for name in names if name not in known]:
        print(f"there is no {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    failed = []
    for proof in PROOFS:
        if not names or proof.name in names:
            row = run(proof)
            failed += [] if row.passed else [proof.name]
            TABLE.parent.mkdir(exist_ok=True)
            before = TABLE.read_text(encoding="utf-8") if TABLE.exists() else ""
            TABLE.write_text(written(before, row, known), encoding="utf-8")
    print(f"written to {TABLE}" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
