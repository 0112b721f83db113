"""What a change can change: the region that is diagnosed again, while all other verdicts stay as they are.

A verdict rests on what a component depends on, and on the evidence for those that nobody can see. So a change reaches
everything whose verdict rests on it. What these depend on, too, and is in trouble reaches on in the same way: it may
explain them, be inferred from them, or be judged by how its runs fit theirs. What is up and untroubled, with nothing in
trouble behind it, ends a region: it explains nothing, and no failure of a dependent says anything about it.

A property test compares the verdicts by region with those on the whole graph after every step of random lives.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from staging_exporter.core.graph import Graph


def region_of(
    graph: Graph, changed: Collection[str], troubled: Collection[str], unseen: Callable[[str], bool]
) -> set[str]:
    """The components whose verdicts may be others after these `changed`; `unseen` are latent or blind."""
    found: set[str] = set()
    above: set[str] = set()
    left = list(changed)
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        left += graph.dependents[name]
        if name in troubled or name in changed or unseen(name):
            left += filter(unseen, graph.edges[name])
        up = [name]
        while up:
            for other in graph.edges[up.pop()]:
                if other in troubled:
                    left.append(other)
                elif other not in above and other not in found:
                    above.add(other)
                    up.append(other)
    return found
