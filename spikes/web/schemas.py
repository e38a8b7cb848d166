"""JSON Schema of what goes in and out, made of the very types that decode and encode it, and of their rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from spikes.domain.validation import Request

REF = "#/components/schemas/{name}"
Schema = dict[str, Any]


class Schemas:
    """The schemas of some types: `of(type)` refers to the `components`."""

    def __init__(self, types: Iterable[Any]) -> None:
        wanted = list(dict.fromkeys(types))
        requests = [wanted_type for wanted_type in wanted if is_request(wanted_type)]
        fields = [field.type for request in requests for field in msgspec.structs.fields(request)]
        plain = list(dict.fromkeys([*(other for other in wanted if not is_request(other)), *fields]))
        schemas, components = msgspec.json.schema_components(plain, ref_template=REF)
        self._schemas = dict(zip(plain, schemas, strict=True))
        self.components: dict[str, Schema] = {name: simpler(schema) for name, schema in components.items()}
        for request in requests:
            self.components[request.__name__] = self._request(request)
            self._schemas[request] = {"$ref": REF.format(name=request.__name__)}

    def of(self, some_type: Any) -> Schema:
        """Return the schema of one of the types."""
        return simpler(self._schemas[some_type])

    def _request(self, request: type[Request]) -> Schema:
        """Return the schema of a request: msgspec can't say the default of a field that may hold anything."""
        fields = msgspec.structs.fields(request)
        return {
            "title": request.__name__,
            "description": first_lines(request.__doc__),
            "type": "object",
            "properties": {field.encode_name: self._field(request, field) for field in fields},
            "required": [field.encode_name for field in fields if field.required],
            "additionalProperties": False,
        }

    def _field(self, request: type[Request], field: msgspec.structs.FieldInfo) -> Schema:
        if field.type is msgspec.Raw:
            return {"description": "Accepted and ignored."}
        schema = self.of(field.type)
        rule = request.rules.get(field.name)
        if rule is not None:
            schema = {**schema, **rule.schema, "description": f"{rule.right[:1].upper()}{rule.right[1:]}."}
        if field.default not in (msgspec.NODEFAULT, msgspec.UNSET):
            schema["default"] = field.default
        return schema


def is_request(some_type: Any) -> bool:
    """Tell whether a type is decoded with rules."""
    return isinstance(some_type, type) and issubclass(some_type, Request)


def first_lines(text: str | None) -> str:
    """Return a docstring without its indentation."""
    return " ".join((text or "").split())


def simpler(schema: Mapping[str, Any]) -> Schema:
    """Return the schema with `{"type": ["string", "null"]}` where msgspec says the same with `anyOf`."""
    same = {name: _simpler_value(value) for name, value in schema.items()}
    options = same.get("anyOf", [])
    nulls = [option for option in options if option == {"type": "null"}]
    others = [option for option in options if option != {"type": "null"}]
    if not nulls or len(others) != 1 or not isinstance(others[0].get("type"), str) or "enum" in others[0]:
        return same
    del same["anyOf"]
    return {**others[0], **same, "type": [others[0]["type"], "null"]}


def _simpler_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return simpler(value)
    if isinstance(value, list):
        return [_simpler_value(one) for one in value]
    return value
