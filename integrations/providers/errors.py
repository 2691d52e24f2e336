"""What can go wrong at a vendor, named by what the caller does next.

Every error carries a `code` (stable, snake_case), the vendor's own `words` (scrubbed, ≤ 500 characters) and, where
there was a reply, its `status`. None carries a secret or a person's data.
"""


class ProviderError(Exception):
    """A vendor call did not do what was asked."""

    code = "failed"

    def __init__(self, words: str = "", *, code: str = "", status: int | None = None) -> None:
        super().__init__(words or code or self.code)
        self.words = words[:500]
        self.code = code or self.code
        self.status = status


class RetryLater(ProviderError):
    """Try again: 408, 425, 429, 5xx, or the network failed before the request was sent. `after` is in seconds."""

    code = "retry_later"

    def __init__(
        self, words: str = "", *, code: str = "", status: int | None = None, after: float | None = None
    ) -> None:
        super().__init__(words, code=code, status=status)
        self.after = after


class OutcomeUnknown(RetryLater):
    """The request was sent and no whole answer came: it may have had its effect."""

    code = "no_answer"


class Held(ProviderError):
    """We hold the request back ourselves (`code` is "quota" or "breaker"): it was not sent and costs no try."""

    def __init__(self, because: str, *, after: float) -> None:
        super().__init__(code=because)
        self.after = after


class Refused(ProviderError):
    """The vendor will not take this as it is; `field` names what it disliked, where it says so."""

    code = "refused"

    def __init__(self, words: str = "", *, code: str = "", status: int | None = None, field: str = "") -> None:
        super().__init__(words, code=code, status=status)
        self.field = field


class NotAuthorised(ProviderError):
    """The credential is wrong, expired or lacks a right: the connector needs a person (or one renewal)."""

    code = "not_authorised"


class EndpointGone(ProviderError):
    """The address does not want to hear from us any more (410)."""

    code = "endpoint_gone"


class Unsupported(ProviderError):
    """This provider or account cannot do that."""

    code = "unsupported"


class BadSignature(ProviderError):
    """A message that claims to come from the vendor does not carry its signature."""

    code = "bad_signature"


class EgressDenied(ProviderError):
    """The address is not one we may connect to."""

    code = "egress_denied"


class Misconfigured(ProviderError):
    """The connector's settings cannot work; `words` say which and what to do."""

    code = "misconfigured"
