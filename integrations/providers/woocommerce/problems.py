"""What WooCommerce's refusals mean; its messages are left out, as they may quote what was asked for. Pure.

Source: https://developer.woocommerce.com/docs/apis/rest-api/ (wc/v3), WC_REST_Authentication of WooCommerce 11.
"""

import json
import re

from integrations.providers import errors
from integrations.providers.base import Reply
from integrations.providers.replies import raise_for_status

_CODE = re.compile(r"[a-z_]{1,80}\Z")
_NO_SHOP = (
    "There is no WooCommerce here: enter the shop's own address, and in WordPress choose permalinks other than “Plain”."
)
_NOT_SEEN = (
    "The shop treats us as nobody: the key is wrong, or its web server drops the Authorization header. In that case let"
    " its host pass the header on."
)


def code(reply: Reply) -> str:
    """Return WordPress's code of a refusal, such as `rest_no_route`; empty where there is none."""
    try:
        body = json.loads(reply.body)
    except (ValueError, RecursionError):
        return ""
    found = body.get("code") if isinstance(body, dict) else None
    return found if isinstance(found, str) and _CODE.match(found) else ""


def raise_for(reply: Reply) -> None:
    """Raise what a refusal means. Raises: errors.ProviderError."""
    found = code(reply)
    if reply.status == 404:
        raise errors.Misconfigured(_NO_SHOP, status=404)
    # A key that WordPress never got to see makes a stranger of us, who may not look.
    if reply.status == 401 and found.startswith("woocommerce_rest_cannot_"):
        raise errors.NotAuthorised(_NOT_SEEN, status=401)
    raise_for_status(reply, f"WooCommerce refused it ({found})." if found else "")
