"""What every view and serializer of the API is built on."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, ClassVar, cast

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from gateway.authentication import Caller

_METHODS = ["get", "post", "put", "patch", "delete"]
_MOST_UNKNOWN = 20


class JsonOnly(BaseContentNegotiation):
    """Answers in the one form there is, whatever is asked for; the parser decides what it reads."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)


class ApiView(APIView):
    """The base of every `/v1` view: each method names the scope it needs in `required_scopes`.

    A view that identifies its callers in another way sets `authentication_classes = permission_classes = []`.
    """

    required_scopes: ClassVar[Mapping[str, str]] = {}
    allows_publishable: ClassVar[bool] = False
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
    """A serializer that refuses fields it doesn't know, by name, together with what else is wrong."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = self._unknown(data)
        if not unknown:
            return super().to_internal_value(data)
        try:
            super().to_internal_value(data)
        except ValidationError as err:
            if isinstance(err.detail, dict):
                raise ValidationError({**err.detail, **unknown}) from err
            raise
        raise ValidationError(unknown)

    def _unknown(self, data: Any) -> dict[str, list[str]]:
        if not isinstance(data, Mapping):
            return {}
        known = [name for name, each in self.fields.items() if not each.read_only]
        strange = [str(name) for name in data if name not in known]
        return {name: [_unknown_field(name, known)] for name in strange[:_MOST_UNKNOWN]}


def _unknown_field(name: str, known: list[str]) -> str:
    close = get_close_matches(name[:80].lower(), known, n=1)
    return f"Unknown field; did you mean {close[0]}?" if close else f"Unknown field; known are {', '.join(known)}."
