"""The tree of a file -> the configuration, and the errors that only show between its parts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from staging_exporter.config.configuration import Config
from staging_exporter.config.disabled import without
from staging_exporter.config.garbage import collected_later
from staging_exporter.config.hints import misplaced, option_names, section_defaults, startup_options
from staging_exporter.config.problems import TreePath, clip, did_you_mean, unknown_choice
from staging_exporter.config.review import over_limit, too_many_runs, warnings_of
from staging_exporter.config.schema import CheckExtras, ComponentOptions, File
from staging_exporter.config.sources import Sources, as_paths
from staging_exporter.config.steps import Observed, with_observed
from staging_exporter.config.validation import Validation
from staging_exporter.core.durations import format_duration
from staging_exporter.core.graph import find_cycle
from staging_exporter.core.maintenance import MaintenanceWindow
from staging_exporter.core.model import LATENT, Component, Journey, Layer, Priority, Reason, Startup, Topology
from staging_exporter.core.words import joined
from staging_exporter.net.address import HostPort
from staging_exporter.options.check import Check
from staging_exporter.probes import kinds, load

# Placeholders for missing keys, so that the rest of the file can be validated; never used by a valid file.
_FALLBACKS = {"environment": "?", "components": {}, "layer": "test", "priority": "P2"}
_DEFAULTS: TreePath = ("defaults",)


@collected_later()
def load_config(paths: str | Path | Iterable[str | Path]) -> Config:
    """The configuration in a file, a directory, or several of them. Raises ConfigError with every error."""
    document = Sources(as_paths(paths))
    found = Validation(document, misplaced)
    file = found.salvage(File, document.tree, _FALLBACKS)
    declared = document.tree.get("components")
    loader = _Loader(found, file, declared if isinstance(declared, dict) else {})
    config = loader.config()
    found.check()
    config = without(config, [name for name, options in file.components.items() if not options.enabled])
    return replace(config, warnings=(*document.warnings, *config.warnings), watched=document.watched)


class _Loader:
    """Builds a Config from a valid tree, and reports the errors that only show between its parts."""

    def __init__(self, found: Validation, file: File, declared: Iterable[str]) -> None:
        self._found = found
        self._file = file
        self._resolvers: dict[str, tuple[HostPort, ...]] = {}
        self._declared = frozenset(declared)  # a component with errors is not an unknown one

    def config(self) -> Config:
        file = self._file
        checks: dict[str, Check] = {}
        components = {name: self._component(name, options, checks) for name, options in file.components.items()}
        self._interval_covers_timeout(_DEFAULTS, dict(file.defaults), file.defaults.model_fields_set)
        vantage = tuple(self._vantage())
        observed = with_observed(self._found, file, components, checks, self._declared)
        components = observed.components
        self._cycles(components)
        self._rate_limits(components, checks, vantage)
        return Config(
            topology=Topology(file.environment, components, self._journeys(observed), file.recovery),
            checks=checks,
            vantage=vantage,
            observed=observed.by,
            limits=file.limits,
            maintenance=self._maintenance(),
            servers=file.resolver.servers,
            resolvers=self._resolvers,
            slo=self._objectives(),
            alerting=file.alerting,
            google=file.google,
            api=file.api,
            warnings=tuple(self._found.problem(*found) for found in warnings_of(checks, file.alerting.receivers)),
        )

    def _vantage(self) -> Iterator[tuple[Component, Check]]:
        """Our own checks, with the default timing; the brackets keep their names different from components."""
        for number, raw in enumerate(self._file.vantage):
            check, _ = self._check(raw, ("vantage", number))
            if check:
                timing = self._default_timing()
                yield Component(f"vantage[{number}]", Layer.INFRASTRUCTURE, Priority.P2, check.kind, **timing), check

    def _component(self, name: str, options: ComponentOptions, checks: dict[str, Check]) -> Component:
        at: TreePath = ("components", name)
        check, intrinsic = self._component_check(options, at)
        if check:
            checks[name] = check
        timing = self._timing(options, check, at)
        return Component(
            name=name,
            layer=options.layer,
            priority=options.priority,
            kind=check.kind if check else LATENT,
            traits=check.traits if check else frozenset(),
            depends_on=self._hard(options, at),
            optional_depends_on=self._optional(options, at),
            **timing,
            startup=Startup(options.startup.budget, options.startup.cold) if options.startup else None,
            intrinsic=intrinsic,
            covers=self._covers(check, at),
            links=options.links.model_dump(exclude_none=True),
            labels=options.labels,
        )

    def _covers(self, check: Check | None, at: TreePath) -> tuple[str, ...]:
        if check is None or check.covers_option is None:
            return ()
        named: tuple[str, ...] | dict[str, str] = getattr(check, check.covers_option)
        within = (*at, "check", check.covers_option)
        if isinstance(named, tuple):
            self._known(named, within)
        else:
            for name in named:
                self._known_one(name, (*within, name))
        return tuple(named)

    def _timing(self, options: ComponentOptions, check: Check | None, at: TreePath) -> dict[str, Any]:
        """The defaults, under those of the kind, under the component's own."""
        timing = {**self._default_timing(), **(check.thresholds if check else {})}
        own = {key: value for key in timing if (value := getattr(options, key)) is not None}
        if options.failure_ratio is not None:
            own["failure_ratio"] = options.failure_ratio.limit(self._file.defaults.failure_ratio)
        if "interval" in own or "timeout" in own:
            self._interval_covers_timeout(at, timing | own, own)
        return timing | own

    def _default_timing(self) -> dict[str, Any]:
        defaults = self._file.defaults
        return {**dict(defaults), "failure_ratio": defaults.failure_ratio.limit()}

    def _interval_covers_timeout(self, at: TreePath, timing: Mapping[str, Any], own: Collection[str]) -> None:
        interval, timeout = timing["interval"], timing["timeout"]
        if interval < timeout and self._is_meant("interval", at, own) and self._is_meant("timeout", at, own):
            key = "interval" if "interval" in own else "timeout"
            text = f"the interval {format_duration(interval)} is shorter than the timeout {format_duration(timeout)}"
            self._found.report((*at, key), text)

    def _is_meant(self, key: str, at: TreePath, own: Collection[str] = ()) -> bool:
        """False when the value replaces one that was reported: its consequences are not reported again."""
        return key in own or not (self._found.lost((*at, key)) or self._found.lost((*_DEFAULTS, key)))

    def _component_check(self, options: ComponentOptions, at: TreePath) -> tuple[Check | None, frozenset[Reason]]:
        when = options.startup.when if options.startup else None
        when_at = (*at, "startup", "when")
        if options.check is None:
            if when is not None:
                self._found.report(
                    when_at, "a component without a check has no response to match; remove `when` or add a check"
                )
            return None, frozenset()
        return self._check(options.check, (*at, "check"), when, when_at)

    def _check(
        self, raw: dict[str, Any], at: TreePath, when: dict[str, Any] | None = None, when_at: TreePath = ()
    ) -> tuple[Check | None, frozenset[Reason]]:
        """The check, and the reasons that it declares intrinsic."""
        model = self._model(raw, at)
        given = {key: value for key, value in raw.items() if key in CheckExtras.model_fields}
        extras = self._found.validate(CheckExtras, given, at)
        intrinsic = frozenset(extras.intrinsic if extras else ())
        if extras and extras.resolver:
            self._resolvers[str(at[1]) if at[0] == "components" else f"vantage[{at[1]}]"] = extras.resolver.servers
        if model is None:
            return None, intrinsic
        rest = {**section_defaults(self._file, model), **{key: value for key, value in raw.items() if key not in given}}
        for key in sorted(startup_options(model, rest)):
            del rest[key]
            self._found.report((*at, key), f"unknown key `{key}`; write startup.when on the component")
        names = option_names(raw["kind"])
        if when is None:
            return self._found.validate(model, rest, at, names=names), intrinsic
        if model.startup_option is None:
            able = joined((kind for kind in kinds() if load(kind).startup_option), "or")
            text = f"kind {raw['kind']} does not support startup.when; it works with {able}"
            self._found.report(when_at, text)
            return self._found.validate(model, rest, at, names=names), intrinsic
        rest[model.startup_option] = when
        return self._found.validate(model, rest, at, {model.startup_option: when_at}, names), intrinsic

    def _model(self, raw: dict[str, Any], at: TreePath) -> type[Check] | None:
        kind = raw.get("kind")
        if "kind" not in raw:
            self._found.report(at, f"missing key `kind`; choose {joined(kinds(), 'or')}")
        elif kind not in kinds():
            self._found.report((*at, "kind"), unknown_choice(kind, "kind of check", kinds()))
        else:
            return load(str(kind))
        return None

    def _hard(self, options: ComponentOptions, at: TreePath) -> tuple[tuple[str, ...], ...]:
        path = (*at, "depends_on")
        self._once(options.depends_on, path)
        for number, entry in enumerate(options.depends_on):
            if isinstance(entry, str):
                self._known_one(entry, (*path, number))
            else:
                self._known(entry, (*path, number))
        return tuple((entry,) if isinstance(entry, str) else entry for entry in options.depends_on)

    def _optional(self, options: ComponentOptions, at: TreePath) -> tuple[str, ...]:
        names, path = options.optional_depends_on, (*at, "optional_depends_on")
        self._known(names, path)
        hard = {name for entry in options.depends_on for name in ([entry] if isinstance(entry, str) else entry)}
        for number, name in enumerate(names):
            if name in hard:
                self._found.report((*path, number), f"`{clip(name)}` is in depends_on too; list it in one of the two")
        return names

    def _once(self, entries: tuple[object, ...], at: TreePath) -> None:
        seen: set[object] = set()
        for number, entry in enumerate(entries):
            if entry in seen:
                self._found.report((*at, number), f"{_shown(entry)} is listed twice")
            seen.add(entry)

    def _known(self, names: tuple[str, ...], at: TreePath) -> None:
        self._once(names, at)
        for number, name in enumerate(names):
            self._known_one(name, (*at, number))

    def _known_one(self, name: str, at: TreePath, others: tuple[str, ...] = ()) -> None:
        if name not in self._declared:
            hint = did_you_mean(name, self._declared.union(others))
            self._found.report(at, f"there is no component `{clip(name)}`{hint}")

    def _cycles(self, components: Mapping[str, Component]) -> None:
        """Report each cycle once; a component is in at most one of those reported, so that the list stays short."""
        edges = {name: [*component.needs, *component.covers] for name, component in components.items()}
        while cycle := find_cycle(edges):
            shown = cycle if len(cycle) <= 20 else [*cycle[:10], "...", *cycle[-10:]]
            self._found.report(("components", cycle[0]), f"circular dependency {' -> '.join(map(clip, shown))}")
            for name in cycle:
                edges[name] = []

    def _journeys(self, observed: Observed) -> dict[str, Journey]:
        """A journey may also name steps, as `FLOW.STEP`."""
        journeys = {}
        for name, options in self._file.journeys.items():
            for step, component in options.steps.items():
                if not observed.may_have(component):
                    self._known_one(component, ("journeys", name, "steps", step), tuple(observed.steps))
            steps = tuple((step, observed.steps.get(place, place)) for step, place in options.steps.items())
            journeys[name] = Journey(name, options.priority, steps)
        return journeys

    def _maintenance(self) -> tuple[MaintenanceWindow, ...]:
        for number, options in enumerate(self._file.maintenance):
            self._known(options.components, ("maintenance", number, "components"))
        windows = self._file.maintenance
        return tuple(MaintenanceWindow(each.components, each.window(), each.probe) for each in windows)

    def _objectives(self) -> dict[str, float]:
        """A component's own objective, else that of the environment; a latent component has only its own."""
        objectives = {}
        for name, options in self._file.components.items():
            slo = options.slo or (self._file.slo if options.check is not None else None)
            if slo:
                objectives[name] = slo.objective
        return objectives

    def _rate_limits(
        self,
        components: Mapping[str, Component],
        checks: Mapping[str, Check],
        vantage: Iterable[tuple[Component, Check]],
    ) -> None:
        limits = self._file.limits
        for name, text in too_many_runs(checks, components):
            self._found.report(("components", name, "check", "max_runs_per_hour"), text)
        if limits.requests_per_minute is None:
            return
        requests = [(name, check, components[name].interval) for name, check in checks.items() if self._timed(name)]
        if self._is_meant("interval", _DEFAULTS):
            requests += [(component.name, check, component.interval) for component, check in vantage]
        for text in over_limit(limits.requests_per_minute, limits.shared, requests):
            self._found.report(("limits", "requests_per_minute"), text)

    def _timed(self, name: str) -> bool:
        """True when the interval of a component has no reported error."""
        own = self._file.components[name].interval is not None
        return self._is_meant("interval", ("components", name), ["interval"] if own else ())


def _shown(entry: object) -> str:
    return f"`{clip(entry)}`" if isinstance(entry, str) else "this group"
