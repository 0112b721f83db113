"""The load balancer of the reference environment: hosts, routes, certificates, and the services behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from staging_exporter.demo.googlecloud.logs import stamp
from staging_exporter.demo.googlecloud.world import DAY, World

CERTIFICATE = "netra-staging-certificate"
PREVIEWS = "netra-previews"  # a certificate of Certificate Manager, which no load balancer uses
URL_MAP = "netra-staging-lb"


def add_load_balancer(world: World, hosts: Mapping[str, Sequence[str]], domain: str) -> None:
    """By service the prefixes of its hosts in the domain; the first service answers for all others."""
    compute: dict[str, list[dict[str, Any]]] = world.compute
    negs, backends = [], []
    regional = f"regions/{world.region}"
    for service in hosts:
        neg, backend = f"{service}-neg", f"{service}-backend"
        negs.append(
            {
                "name": neg,
                "selfLink": world.link(regional, "networkEndpointGroups", neg),
                "region": f"https://www.googleapis.com/compute/v1/projects/{world.project}/{regional}",
                "networkEndpointType": "SERVERLESS",
                "cloudRun": {"service": service},
            }
        )
        backends.append(
            {
                "name": backend,
                "selfLink": world.link("global", "backendServices", backend),
                "loadBalancingScheme": "EXTERNAL_MANAGED",
                "protocol": "HTTPS",
                "backends": [
                    {"group": world.link(regional, "networkEndpointGroups", neg), "capacityScaler": 1.0},
                ],
            }
        )
    link = {service: world.link("global", "backendServices", f"{service}-backend") for service in hosts}
    compute |= {"networkEndpointGroups": negs, "backendServices": backends}
    compute["urlMaps"] = [
        {
            "name": URL_MAP,
            "selfLink": world.link("global", "urlMaps", URL_MAP),
            "defaultService": link[next(iter(hosts))],
            "hostRules": [
                {"hosts": [f"{prefix}{domain}" for prefix in prefixes], "pathMatcher": service}
                for service, prefixes in hosts.items()
            ],
            "pathMatchers": [{"name": service, "defaultService": link[service]} for service in hosts],
        }
    ]
    _add_front(world, [f"{prefix}{domain}" for prefixes in hosts.values() for prefix in prefixes], domain)


def _add_front(world: World, domains: list[str], domain: str) -> None:
    compute = world.compute
    certificate = world.link("global", "sslCertificates", CERTIFICATE)
    proxy = world.link("global", "targetHttpsProxies", "netra-staging-proxy")
    world.certificates.append(
        {
            "name": f"projects/{world.project}/locations/global/certificates/{PREVIEWS}",
            "sanDnsnames": [f"*.preview.{domain}"],
            "expireTime": stamp(world.now() + 75 * DAY),
            "managed": {
                "domains": [f"*.preview.{domain}"],
                "state": "ACTIVE",
                "authorizationAttemptInfo": [{"domain": f"*.preview.{domain}", "state": "AUTHORIZED"}],
            },
        }
    )
    compute["sslCertificates"] = [
        {
            "name": CERTIFICATE,
            "selfLink": certificate,
            "type": "MANAGED",
            "managed": {
                "status": "ACTIVE",
                "domains": domains,
                "domainStatus": dict.fromkeys(domains, "ACTIVE"),
            },
            "subjectAlternativeNames": domains,
            "expireTime": stamp(world.now() + 61 * DAY),
        }
    ]
    compute["targetHttpsProxies"] = [
        {
            "name": "netra-staging-proxy",
            "selfLink": proxy,
            "urlMap": world.link("global", "urlMaps", URL_MAP),
            "sslCertificates": [certificate],
        }
    ]
    compute["forwardingRules"] = [
        {
            "name": "netra-staging-https",
            "selfLink": world.link("global", "forwardingRules", "netra-staging-https"),
            "IPAddress": "203.0.113.10",
            "IPProtocol": "TCP",
            "portRange": "443-443",
            "loadBalancingScheme": "EXTERNAL_MANAGED",
            "target": proxy,
        }
    ]
