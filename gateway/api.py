"""What every view and serializer of the API is built on."""

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cached_property
from typing import Any, ClassVar, cast

from django.core.exceptions import ValidationError as DjangoValidationError
from django.http import HttpResponse
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.fields import SkipField, empty, get_error_detail
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from gateway.authentication import Caller

_METHODS = ["get", "post", "put", "patch", "delete"]
_MOST_UNKNOWN = 20
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


class JsonOnly(BaseContentNegotiation):
    """Answers in the one form there is, whatever is asked for; the parser decides what it reads."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


def json_answer(body: Mapping[str, Any], status: int) -> HttpResponse:
    """Return an answer of plain JSON values that is written already: DRF's own costs a tenth of a capture."""
    content = _ENCODER.encode(body).encode()
    return HttpResponse(content, content_type="application/json", status=status)


class ApiView(APIView):
    """The base of every `/v1` view: each method names the scope it needs in `required_scopes`, those that take an
    `Idempotency-Key` stand in `idempotent_methods`.

    A view that identifies its callers in another way sets `authentication_classes = permission_classes = []`; the
    statuses by which it then refuses them stand in `own_problems`.
    """

    required_scopes: ClassVar[Mapping[str, str]] = {}
    allows_publishable: ClassVar[bool] = False
    allows_session: ClassVar[bool] = False
    idempotent_methods: ClassVar[frozenset[str]] = frozenset()
    own_problems: ClassVar[frozenset[str]] = frozenset()
    content_negotiation_class = JsonOnly
    http_method_names = [*_METHODS, "head"]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        unguarded = [name for name in _METHODS if hasattr(cls, name) and name.upper() not in cls.required_scopes]
        if unguarded and cls.permission_classes:
            raise TypeError(f"{cls.__name__} names no scope for {', '.join(unguarded).upper()}.")

    @property
    def caller(self) -> Caller:
        """Return who is calling."""
        return cast("Caller", self.request.auth)


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses fields it doesn't know, by name, together with what else is wrong.

    It goes through what was sent instead of what could be: absent optional fields cost nothing. Fields have their own
    names as sources, and there are no `validate_<field>` methods.
    """

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)
        known, unknown = self._known, []
        values: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for name, sent in data.items():
            if (field := known.get(name)) is None:
                unknown.append(str(name))
                continue
            _take(field, name, sent, values, errors)
        for field in self._never_absent:
            if field.field_name not in data:
                _take(field, str(field.field_name), empty, values, errors)
        errors |= {name: [_unknown_field(name, list(known))] for name in unknown[:_MOST_UNKNOWN]}
        if errors:
            raise ValidationError(errors)
        return values

    @cached_property
    def _known(self) -> dict[str, "serializers.Field[Any, Any, Any, Any]"]:
        return {name: field for name, field in self.fields.items() if not field.read_only}

    @cached_property
    def _never_absent(self) -> list["serializers.Field[Any, Any, Any, Any]"]:
        return [field for field in self._known.values() if field.required or field.default is not empty]


def _take(field: Any, name: str, sent: Any, values: dict[str, Any], errors: dict[str, Any]) -> None:
    try:
        values[name] = field.run_validation(sent)
    except ValidationError as err:
        errors[name] = err.detail
    except DjangoValidationError as err:
        errors[name] = get_error_detail(err)
    except SkipField:
        pass


def _unknown_field(name: str, known: list[str]) -> str:
    close = get_close_matches(name[:80].lower(), known, n=1)
    return f"Unknown field; did you mean {close[0]}?" if close else f"Unknown field; known are {', '.join(known)}."
