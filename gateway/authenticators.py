"""The second factor: an authenticator app on a person's phone, and recovery codes for when it is lost."""

import base64
import hashlib
import hmac
import secrets as random
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django_otp.models import Device, ThrottlingMixin, TimestampMixin
from django_otp.oath import TOTP

from runtime import secrets
from runtime.display import counted
from runtime.secrets import Secret

if TYPE_CHECKING:
    from gateway.models import User

ISSUER = "ShopBotly"
RECOVERY_CODES = 10
_DIGITS = 6
_STEP_SECONDS = 30
_SEED_BYTES = 20
# Steps that a phone's clock may be off, either way.
_TOLERANCE = 1
# Waits double from 1 s after each wrong code and stay at 2^9 s: guessing leads nowhere, and the person isn't shut out.
_LONGEST_WAIT_AFTER = 10
# Without letters and digits that are taken for one another on paper.
_CODE_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


class WrongCode(Exception):
    """The code doesn't count; says in words why."""


class Authenticator(ThrottlingMixin, TimestampMixin, Device):
    """A person's authenticator app (TOTP, RFC 6238); `confirmed` once a first code of it was right.

    The seed is sealed; recovery codes are kept as digests, and a used one is gone.
    """

    sealed = models.TextField(editable=False)
    sealed_with = models.CharField(max_length=16, editable=False)
    last_t = models.BigIntegerField(default=-1, editable=False)
    drift = models.SmallIntegerField(default=0, editable=False)
    recovery_digests = models.JSONField(default=list, editable=False)

    class Meta(Device.Meta):
        app_label = "gateway"
        constraints = [models.UniqueConstraint(fields=["user", "confirmed"], name="authenticator_once")]

    def __str__(self) -> str:
        return f"authenticator app of {self.user}"

    @property
    def seed(self) -> bytes:
        """The secret that the app shares with us."""
        return bytes.fromhex(secrets.unseal(self.sealed)["seed"])

    @property
    def seed_text(self) -> Secret:
        """The seed as people type it into an app that can't scan."""
        text = base64.b32encode(self.seed).decode()
        return Secret(" ".join(text[start : start + 4] for start in range(0, len(text), 4)))

    @property
    def address(self) -> Secret:
        """What the QR code says. Source: github.com/google/google-authenticator/wiki/Key-Uri-Format."""
        told = {"secret": base64.b32encode(self.seed).decode(), "issuer": ISSUER, "digits": _DIGITS}
        label = quote(f"{ISSUER}:{self.user.get_username()}")
        return Secret(f"otpauth://totp/{label}?{urlencode(told)}")

    def get_throttle_factor(self) -> float:
        """Wait one second after the first wrong code."""
        return 1

    def throttle_increment(self, commit: bool = True) -> None:
        """Wait longer, up to a limit."""
        super().throttle_increment(commit=False)
        self.throttling_failure_count = min(int(vars(self)["throttling_failure_count"]), _LONGEST_WAIT_AFTER)
        if commit:
            self.save()

    def verify_token(self, token: str) -> bool:
        """Tell whether a code of the app or a recovery code is right, and use it up; must run in a transaction."""
        typed = "".join(token.split()).replace("-", "").lower()
        is_right = self._takes_app_code(typed) if typed.isdecimal() else self._takes_recovery_code(typed)
        if is_right:
            self.throttle_reset(commit=False)
            self.set_last_used_timestamp(commit=False)
            self.save()
        else:
            self.throttle_increment()
        return is_right

    def _takes_app_code(self, typed: str) -> bool:
        if len(typed) != _DIGITS:
            return False
        totp = TOTP(self.seed, _STEP_SECONDS, 0, _DIGITS, self.drift)
        totp.time = time.time()
        if not totp.verify(int(typed), _TOLERANCE, self.last_t + 1):
            return False
        # A code counts once, also within its half minute.
        self.last_t, self.drift = totp.t(), totp.drift
        return True

    def _takes_recovery_code(self, typed: str) -> bool:
        digest = _digest(self.user_id, typed)
        left = [kept for kept in self.recovery_digests if not hmac.compare_digest(kept, digest)]
        is_right = len(left) < len(self.recovery_digests)
        self.recovery_digests = left
        return is_right


def is_required(person: "User") -> bool:
    """Tell whether a person can't be without: whoever may do everything, except in the demo."""
    return person.is_administrator and not settings.DEMO_MODE


def authenticator_of(person: "User") -> Authenticator | None:
    """Return a person's working authenticator app."""
    found: Authenticator | None = Authenticator.objects.filter(user=person, confirmed=True).first()
    return found


def authenticator_begin(*, person: "User") -> Authenticator:
    """Return the app that a person is setting up; one begun before goes on, so that a reload shows the same."""
    sealed = secrets.seal({"seed": random.token_hex(_SEED_BYTES)})
    begun, _ = Authenticator.objects.get_or_create(
        user=person,
        confirmed=False,
        defaults={"name": "app", "sealed": sealed, "sealed_with": secrets.current_key_id()},
    )
    found: Authenticator = begun
    return found


def authenticator_confirm(*, person: "User", code: str) -> tuple[Authenticator, Sequence[str]]:
    """Put the app that was set up in place of any earlier one; return it with its recovery codes, told only now.

    Raises: WrongCode.
    """
    begun = _verify(Authenticator.objects.filter(user=person, confirmed=False), code)
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    with transaction.atomic():
        Authenticator.objects.filter(user=person, confirmed=True).delete()
        begun.confirmed = True
        begun.recovery_digests = [_digest(person.pk, code.replace("-", "")) for code in codes]
        begun.save()
    return begun, codes


def authenticator_verify(*, person: "User", code: str) -> Authenticator:
    """Return the app whose code, or recovery code, this is. Raises: WrongCode."""
    return _verify(Authenticator.objects.filter(user=person, confirmed=True), code)


def recovery_codes_renew(*, authenticator: Authenticator) -> Sequence[str]:
    """Return new recovery codes, told only now; the old ones don't count any more."""
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    authenticator.recovery_digests = [_digest(authenticator.user_id, code.replace("-", "")) for code in codes]
    authenticator.save(update_fields=["recovery_digests"])
    return codes


def authenticator_reset(*, person: "User") -> bool:
    """Forget a person's app and recovery codes; tell whether there were any."""
    _, gone = Authenticator.objects.filter(user=person).delete()
    return bool(gone)


def _verify(rows: Any, code: str) -> Authenticator:
    # Guesses that come at once must each count, so the row is locked; what they wrote must stay, so nothing is raised
    # inside.
    with transaction.atomic():
        row: Authenticator | None = rows.select_for_update().first()
        allowed, told = row.verify_is_allowed() if row else (True, {})
        is_right = bool(row and allowed and row.verify_token(code))
    if row is not None and is_right:
        return row
    if row is None or allowed:
        raise WrongCode("This code is not right, or it was used before. Wait for the next one and type that.")
    seconds = max(1, round((told["locked_until"] - timezone.now()).total_seconds()))
    raise WrongCode(f"There were too many wrong codes. Try again in {counted(seconds, 'second')}.")


def _recovery_code() -> str:
    letters = "".join(random.choice(_CODE_LETTERS) for _ in range(16))
    return "-".join(letters[start : start + 4] for start in range(0, 16, 4))


def _digest(user_id: int, code: str) -> str:
    # 79 random bits need no slow hash.
    return hashlib.sha256(f"{user_id}:{code}".encode()).hexdigest()
