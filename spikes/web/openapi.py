"""The OpenAPI document, made of the route table: what serves the requests is what is described."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from spikes.domain.validation import FieldError
from spikes.web.errors import MAX_BODY, ErrorResponse
from spikes.web.introduction import INTRODUCTION, TAGS
from spikes.web.operation import IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, JSON, REPLAYED, Answer, Header, Operation
from spikes.web.route import PATTERNS, Route
from spikes.web.schemas import Schema, Schemas

REASONS = {
    304: "What is known already is still right.",
    400: "The request is wrong; a wrong field of the body is named with what would be right, all at once.",
    401: "There is no valid token; on open routes: there is one, but it is not valid.",
    403: "The caller may see it, but not change it.",
    404: "It does not exist, or the caller may not see it.",
    409: "It can't be, because of what exists.",
    412: "It is at another version than `If-Match` names.",
    413: f"The body has more than {MAX_BODY:,} bytes.",
    415: "The body is of another media type.",
    422: "The `Idempotency-Key` was used for another request.",
    429: "Too many requests; `Retry-After` says when to come again.",
    503: "Not at the moment. `not_stored`: nothing has happened. `unknown`: it may have happened; look, or repeat it.",
}
IN_PROGRESS = "The first request with this `Idempotency-Key` still runs."
RETRY_AFTER = Header("Retry-After", "When to try again, in seconds.", {"type": "string", "pattern": "^[0-9]+$"}, True)
CHALLENGE = Header("WWW-Authenticate", "How to authenticate.", always=True)
RATE = Header("RateLimit", "What is left: `r` more requests, and all again in `t` seconds.")
ERROR_HEADERS = {401: (CHALLENGE,), 429: (RETRY_AFTER, RATE), 503: (RETRY_AFTER,)}
_variables = re.compile(r"\{(\w+)\}")


def document(routes: Iterable[Route], version: str) -> Schema:
    """Return the document of all routes; raises TypeError for a route that has no documentation."""
    described = [(route, operation_of(route)) for route in routes]
    schemas = Schemas(_types(operation for _, operation in described))
    paths: dict[str, Schema] = {}
    for path, alternatives in _by_path(described).items():
        paths[path] = _path_item(path, alternatives, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Spikes",
            "version": version,
            "summary": "Notes of which nothing that was acknowledged is ever lost.",
            "description": INTRODUCTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer", "description": "The `access_token` of a login."}
            },
        },
    }


def operation_of(route: Route) -> Operation:
    """Return what is said of a route; raises TypeError if nothing is."""
    if route.doc is None:
        raise TypeError(f"{route.name} has no documentation: give its Route a doc=Operation(...) (web/described/)")
    return route.doc


def shape(path: str) -> str:
    """Return the path without the names in it: paths of one shape are one path to OpenAPI."""
    return _variables.sub("{}", path)


Described = tuple[Route, Operation]


def _types(operations: Iterable[Operation]) -> list[Any]:
    found: list[Any] = [ErrorResponse, list[FieldError]]
    for operation in operations:
        found += [answer.type for answer in operation.answers if answer.media == JSON and answer.type is not None]
        found += [] if operation.request is None else [operation.request]
    return found


def _by_path(described: Sequence[Described]) -> dict[str, list[Described]]:
    """Group routes by the path that OpenAPI sees: the one of its shape that came first."""
    paths: dict[str, str] = {}
    groups: dict[str, list[Described]] = {}
    for route, operation in described:
        path = paths.setdefault(shape(route.path), route.path)
        groups.setdefault(path, []).append((route, operation))
    return groups


def _path_item(path: str, alternatives: Sequence[Described], schemas: Schemas) -> Schema:
    """Return all methods of a path. Two routes of one method differ in what a name in the path looks like."""
    item: dict[str, Schema] = {}
    for route, operation in alternatives:
        method = route.method.lower()
        same = [other for other, _ in alternatives if other.method == route.method]
        if method not in item:
            item[method] = _operation(path, route, same, operation, schemas)
    return item


def _operation(path: str, route: Route, same: Sequence[Route], operation: Operation, schemas: Schemas) -> Schema:
    content: Schema = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "security": _security(route, operation),
        "responses": _responses(route, operation, schemas),
    }
    text = " ".join(part for part in (operation.text, "" if route.open else "Needs a token.") if part)
    if text:
        content["description"] = text
    parameters = [*_in_path(path, same), *_in_query(route), *map(_in_header, operation.headers)]
    if parameters:
        content["parameters"] = parameters
    if operation.request is not None or operation.body:
        content["requestBody"] = _body(operation, schemas)
    return content


def _security(route: Route, operation: Operation) -> list[Schema]:
    if operation.for_all:
        return []
    return [{}, {"bearer": []}] if route.open else [{"bearer": []}]


def _in_path(path: str, same: Sequence[Route]) -> Iterable[Schema]:
    for position, name in enumerate(_variables.findall(path)):
        names = dict.fromkeys(_variables.findall(route.path)[position] for route in same)
        patterns = [{"type": "string", "pattern": f"^{PATTERNS[one]}$"} for one in names]
        text = "An id of 13 characters, or a slug." if len(names) > 1 else "An id of 13 characters."
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "description": text,
            "schema": patterns[0] if len(patterns) == 1 else {"anyOf": patterns},
        }


def _in_query(route: Route) -> Iterable[Schema]:
    for parameter in route.parameters:
        schema = parameter.schema()
        text = schema.pop("description", None)
        described = {} if text is None else {"description": text}
        yield {"name": parameter.name, "in": "query", **described, "schema": schema}


def _in_header(header: Header) -> Schema:
    return {"name": header.name, "in": "header", "description": header.text, "schema": dict(header.schema)}


def _body(operation: Operation, schemas: Schemas) -> Schema:
    content: Schema = {media: dict(described) for media, described in operation.body.items()}
    if operation.request is not None:
        content[operation.media] = {"schema": schemas.of(operation.request)}
        if operation.example is not None:
            content[operation.media]["example"] = operation.example
    return {"required": not operation.may_be_empty, "content": content}


def _responses(route: Route, operation: Operation, schemas: Schemas) -> Schema:
    responses: Schema = {}
    for answer in operation.answers:
        same = responses.setdefault(str(answer.status), _success(answer, operation, schemas))
        same.get("content", {}).update(_success(answer, operation, schemas).get("content", {}))
    for status, text in sorted(_errors(route, operation).items()):
        responses[str(status)] = _error(status, text, operation, schemas)
    return responses


def _success(answer: Answer, operation: Operation, schemas: Schemas) -> Schema:
    replayed = (REPLAYED,) if IDEMPOTENCY_KEY in operation.headers else ()
    content: Schema = {"description": answer.text}
    headers = {header.name: _out_header(header) for header in (*answer.headers, *replayed)}
    if headers:
        content["headers"] = headers
    if answer.type is not None:
        schema = schemas.of(answer.type) if answer.media == JSON else {"type": "string"}
        content["content"] = {answer.media: {"schema": schema}}
    if answer.links:
        content["links"] = {
            link.operation: {
                "operationId": link.operation,
                "parameters": dict(link.parameters),
                **({} if link.body is None else {"requestBody": link.body}),
            }
            for link in answer.links
        }
    return content


def _errors(route: Route, operation: Operation) -> dict[int, str]:
    """Return every status of an error, with the reason: those that follow from the route, and the operation's own."""
    wanted = {400, 401, 429, 503}
    if "{" in route.path:
        wanted |= {404}
    if operation.request is not None or operation.body:
        wanted |= {413, 415}
    if IF_MATCH in operation.headers:
        wanted |= {412}
    if IF_NONE_MATCH in operation.headers:
        wanted |= {304}
    reasons = {status: REASONS[status] for status in wanted}
    if IDEMPOTENCY_KEY in operation.headers:
        reasons |= {409: IN_PROGRESS, 422: REASONS[422]}
    for status, text in operation.errors.items():
        reasons[status] = f"{text} {reasons[status]}" if status == 409 and 409 in reasons else text
    return reasons


def _error(status: int, text: str, operation: Operation, schemas: Schemas) -> Schema:
    content: Schema = {"description": text}
    if status in ERROR_HEADERS:
        content["headers"] = {header.name: _out_header(header) for header in ERROR_HEADERS[status]}
    if status == 304:
        return content
    schema = schemas.of(ErrorResponse)
    if status == 400 and (operation.request is not None or JSON in operation.body):
        schema = {"oneOf": [schema, schemas.of(list[FieldError])]}
    content["content"] = {JSON: {"schema": schema}}
    return content


def _out_header(header: Header) -> Schema:
    return {"description": header.text, "required": header.always, "schema": dict(header.schema)}
