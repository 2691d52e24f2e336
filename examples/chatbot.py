"""A chatbot's server in small: asks, answers what was asked back, captures a lead, makes a session for a visitor.

Needs Python 3.9 or newer and no packages. SHOPBOTLY_URL and SHOPBOTLY_KEY (a secret key) say where and who:

    python examples/chatbot.py
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid

URL = os.environ.get("SHOPBOTLY_URL", "http://127.0.0.1:8000")
KEY = os.environ.get("SHOPBOTLY_KEY", "")
# The page the visitor looks at: its origin stands at the client. The installation's own always works.
PAGE = os.environ.get("SHOPBOTLY_PAGE", URL)
MOST_TRIES = 5
# Busy, too many requests, or not there for a moment: the same request may succeed later.
TRY_AGAIN = {409, 429, 502, 503, 504}


class Refused(Exception):
    """The API said no; the message is its problem document, in short."""


def call(path: str, body: dict, idempotency_key: str = "", token: str = "") -> dict:
    """Send one request; wait and send it again where that makes sense.

    With a session's `token` it calls as the visitor's page does.
    """
    headers = {"Authorization": f"Bearer {token or KEY}", "Content-Type": "application/json"}
    if token:
        headers["Origin"] = PAGE  # in a browser, set by the browser
    if idempotency_key:
        headers["Idempotency-Key"] = idempotency_key
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), headers)
    for tries in range(1, MOST_TRIES + 1):
        try:
            with urllib.request.urlopen(request, timeout=15) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as err:
            if err.code not in TRY_AGAIN or tries == MOST_TRIES:
                raise Refused(reason(err)) from err
            asked = err.headers.get("Retry-After", "")
            wait = int(asked) if asked.isdecimal() else 2**tries
        except OSError:
            # No answer: the lead may have been taken. The same Idempotency-Key makes sending it again safe.
            if tries == MOST_TRIES:
                raise
            wait = 2**tries
        time.sleep(wait)
    raise AssertionError("unreachable")


def reason(err: urllib.error.HTTPError) -> str:
    """Return what a problem document says, with the request id that the admin can look for."""
    try:
        problem = json.load(err)
        return f"{problem['status']} {problem['code']}: {problem['detail']} (request {problem['request_id']})"
    except (ValueError, KeyError):
        return f"{err.code} {err.reason}"


def main() -> None:
    """Hold the conversation of a person who asks for an order."""
    if not KEY:
        sys.exit("error: set SHOPBOTLY_KEY to a secret key")
    answer = call("/v1/query", {"prompt": "Check order status"})
    print("bot:   ", answer["answer"])

    # What is missing is in answer["missing"]; what the person says next goes into the same conversation.
    reply = "It is S00041, and I am anna@example.com"
    print("person:", reply)
    answer = call("/v1/query", {"prompt": reply, "conversation_id": answer["conversation_id"]})
    print("bot:   ", answer["answer"])
    for fact in answer["facts"]:
        print(f"        {fact['name']} = {fact['value']} (from {fact['source']}, {fact['age_seconds']} s old)")

    # One key per message of the person, kept until the answer is there: however often it is sent, it counts once.
    message_id = str(uuid.uuid4())
    lead = {"email": "anna@example.com", "first_name": "Anna", "message": "Do you ship to Norway?"}
    captured = call("/v1/leads", lead, idempotency_key=message_id)
    print("lead:  ", captured["id"], "is new" if captured["created"] else "was known")

    # For a visitor who has signed in to the shop. The token goes to their page, which then calls for 30 minutes by
    # itself: it asks as this visitor, whatever is typed, and sees nobody else's orders.
    session = call("/v1/sessions", {"origin": PAGE, "customer": {"email": "anna@example.com"}})
    print("session: for", session["expires_in"], "s")
    answer = call("/v1/query", {"prompt": "Where is my order S00041?"}, token=session["token"])
    print("bot:   ", answer["answer"])


if __name__ == "__main__":
    main()

# ruff: noqa: S310, T201 (an example prints, and calls the address it is given)
