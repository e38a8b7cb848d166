"""Schemas of the kinds that Kubernetes does not know by itself, as far as the manifests use them.

Written after the documentation of cert-manager v1, Gateway API v1 and Prometheus Operator v1; whatever else a manifest
says is refused, so that a slip of the pen is noticed.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
NAME: Schema = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"}
HOST: Schema = {"type": "string", "pattern": "^([a-z0-9-]+\\.)+[a-z]+$"}
PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}
TIME: Schema = {"type": "string", "pattern": "^[0-9]+(h|m|s|ms)$"}
LABELS: Schema = {"type": "object", "additionalProperties": TEXT}


def some(item: Schema) -> Schema:
    return {"type": "array", "items": item, "minItems": 1}


def one_of(*values: str | int) -> Schema:
    return {"enum": list(values)}


def has(needed: dict[str, Schema], **more: Schema) -> Schema:
    """An object with all that is needed, perhaps something more, and nothing else."""
    properties = {**needed, **more}
    return {"type": "object", "properties": properties, "required": list(needed), "additionalProperties": False}


PARENT = has({"name": NAME}, kind=one_of("Gateway"), namespace=NAME, sectionName=NAME)
SOLVER = has(
    {
        "http01": {
            "oneOf": [
                has({"ingress": has({"ingressClassName": NAME})}),
                has({"gatewayHTTPRoute": has({"parentRefs": some(PARENT)})}),
            ]
        }
    }
)
ISSUER = has(
    {
        "acme": has(
            {
                "server": {"type": "string", "pattern": "^https://"},
                "privateKeySecretRef": has({"name": NAME}),
                "solvers": some(SOLVER),
            },
            email=TEXT,
        )
    }
)
LISTENER = has(
    {"name": NAME, "protocol": one_of("HTTP", "HTTPS"), "port": PORT},
    hostname=HOST,
    tls=has({"mode": one_of("Terminate"), "certificateRefs": some(has({"name": NAME}))}),
)
GATEWAY = has({"gatewayClassName": NAME, "listeners": some(LISTENER)})
REDIRECT = has(
    {
        "type": one_of("RequestRedirect"),
        "requestRedirect": has({"scheme": one_of("https"), "statusCode": one_of(301, 302)}),
    }
)
RULE = has(
    {},
    backendRefs=some(has({"name": NAME, "port": PORT})),
    filters=some(REDIRECT),
    timeouts=has({}, request=TIME, backendRequest=TIME),
)
ROUTE = has({"parentRefs": some(PARENT), "rules": some(RULE)}, hostnames=some(HOST))
ENDPOINT = has(
    {"port": NAME, "path": {"type": "string", "pattern": "^/"}},
    interval=TIME,
    authorization=has({"type": one_of("Bearer"), "credentials": has({"name": NAME, "key": NAME})}),
)
POD_MONITOR = has({"selector": has({"matchLabels": LABELS}), "podMetricsEndpoints": some(ENDPOINT)})

SPECS = {
    ("cert-manager.io/v1", "ClusterIssuer"): ISSUER,
    ("gateway.networking.k8s.io/v1", "Gateway"): GATEWAY,
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): ROUTE,
    ("monitoring.coreos.com/v1", "PodMonitor"): POD_MONITOR,
}


def schema_of(api_version: str, kind: str) -> Schema | None:
    """Return the schema of a whole manifest; None for a kind that is not listed here."""
    spec = SPECS.get((api_version, kind))
    if spec is None:
        return None
    needed = {"name": NAME} if kind == "ClusterIssuer" else {"name": NAME, "namespace": NAME}  # it is in no namespace
    metadata = has(needed, labels=LABELS, annotations=LABELS)
    return has({"apiVersion": one_of(api_version), "kind": one_of(kind), "metadata": metadata, "spec": spec})
