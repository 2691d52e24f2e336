from __future__ import annotations

import time

import pytest

from tests.integrations.sandbox.client import HUBSPOT, UPSERT, Client, eventually

CONTACTS = "/crm/v3/objects/contacts"


def test_upsert_creates_then_updates_the_same_contact(client: Client) -> None:
    first = client.upsert("anna@example.com", firstname="Anna").json()["results"][0]
    second = client.upsert("ANNA@example.com", lastname="Berg").json()["results"][0]

    assert (first["new"], second["new"]) == (True, False)
    assert first["id"] == second["id"]
    assert first["objectWriteTraceId"] == "trace-0"
    kept = client.hubspot("GET", f"{CONTACTS}/{first['id']}?properties=firstname,lastname,email").json()["properties"]
    assert (kept["firstname"], kept["lastname"], kept["email"]) == ("Anna", "Berg", "anna@example.com")
    assert client.effects() == [("create", "anna@example.com"), ("update", "anna@example.com")]


def test_upsert_by_own_unique_property_keeps_one_contact_when_the_email_changes(client: Client) -> None:
    def upsert(email: str) -> dict[str, object]:
        inputs = [{"id": "lead-1", "idProperty": "shopbotly_id", "properties": {"email": email}}]
        found: dict[str, object] = client.hubspot("POST", f"{CONTACTS}/batch/upsert", {"inputs": inputs}).json()[
            "results"
        ][0]
        return found

    assert upsert("old@example.com")["id"] == upsert("new@example.com")["id"]
    assert client.hubspot("GET", f"{CONTACTS}/old@example.com?idProperty=email").status_code == 404


def test_multi_status_names_the_bad_inputs_and_writes_the_others(client: Client) -> None:
    reply = client.upsert("good@example.com", "not-an-address", "also@example.com")

    assert reply.status_code == 207
    assert reply.json()["numErrors"] == 1
    [error] = reply.json()["errors"]
    assert error["context"]["objectWriteTraceId"] == ["trace-1"]
    assert error["errors"][0]["code"] == "INVALID_EMAIL"
    assert [result["objectWriteTraceId"] for result in reply.json()["results"]] == ["trace-0", "trace-2"]
    assert client.effects() == [("create", "good@example.com"), ("create", "also@example.com")]


def test_without_trace_ids_one_bad_input_refuses_the_whole_batch(client: Client) -> None:
    reply = client.upsert("good@example.com", "not-an-address", trace=False)

    assert reply.status_code == 400
    assert reply.json()["category"] == "VALIDATION_ERROR"
    assert client.effects() == []


def test_unknown_property_is_refused_in_hubspots_words(client: Client) -> None:
    reply = client.upsert("anna@example.com", trace=False, utm_src="x")

    assert 'Property \\"utm_src\\" does not exist' in reply.json()["message"]
    assert reply.json()["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"


def test_value_outside_its_options_is_refused(client: Client) -> None:
    error = client.upsert("anna@example.com", hs_lead_status="HOT").json()["errors"][0]
    assert error["errors"][0]["code"] == "INVALID_OPTION"


def test_conflict_with_another_contact_names_its_id(client: Client) -> None:
    [anna] = client.upsert("anna@example.com").json()["results"]
    inputs = [
        {"id": "lead-9", "idProperty": "shopbotly_id", "properties": {"email": "anna@example.com"}},
        {"id": "lead-8", "idProperty": "shopbotly_id", "properties": {"email": "ben@example.com"}},
    ]

    whole = client.hubspot("POST", f"{CONTACTS}/batch/upsert", {"inputs": inputs})
    traced = [{**item, "objectWriteTraceId": item["id"]} for item in inputs]
    partial = client.hubspot("POST", f"{CONTACTS}/batch/upsert", {"inputs": traced})

    assert whole.status_code == 409
    assert whole.json()["message"] == f"Contact already exists. Existing ID: {anna['id']}"
    assert partial.status_code == 207
    [error] = partial.json()["errors"]
    assert error["message"].endswith(f"Existing ID: {anna['id']}")
    assert error["context"] == {"objectWriteTraceId": ["lead-9"]}


def test_same_id_twice_refuses_the_batch_even_with_trace_ids(client: Client) -> None:
    reply = client.upsert("anna@example.com", "Anna@example.com")

    assert reply.status_code == 400
    assert reply.json()["message"].startswith("Duplicate IDs found in batch input")
    assert client.effects() == []


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"inputs": "x"},
        {"inputs": [{"properties": {}}]},
        {"inputs": [{"id": "a@example.com", "idProperty": "firstname", "properties": {}}]},
        {"inputs": [{"id": "a@example.com", "idProperty": "email", "properties": {"firstname": {}}}]},
        {"inputs": [{"id": "a@example.com", "idProperty": "email", "properties": {}, "colour": 1}]},
    ],
)
def test_malformed_batch_is_400(client: Client, body: object) -> None:
    reply = client.hubspot("POST", f"{CONTACTS}/batch/upsert", body)
    assert (reply.status_code, reply.json()["category"]) == (400, "VALIDATION_ERROR")


def test_batch_of_101_is_refused_and_of_100_taken(client: Client) -> None:
    emails = [f"u{number}@example.com" for number in range(101)]
    assert client.upsert(*emails).json()["category"] == "VALIDATION_ERROR"
    assert len(client.upsert(*emails[:100]).json()["results"]) == 100


def test_null_and_empty_values_clear_a_property(client: Client) -> None:
    [contact] = client.upsert("anna@example.com", phone="1", city="Berlin").json()["results"]
    client.hubspot("PATCH", f"{CONTACTS}/{contact['id']}", {"properties": {"phone": "", "city": None}})

    kept = client.hubspot("GET", f"{CONTACTS}/{contact['id']}?properties=phone&properties=city").json()["properties"]
    assert (kept["phone"], kept["city"]) == (None, None)


def test_create_twice_is_a_conflict(client: Client) -> None:
    first = client.hubspot("POST", CONTACTS, {"properties": {"email": "anna@example.com"}})
    second = client.hubspot("POST", CONTACTS, {"properties": {"email": "anna@example.com"}})

    assert (first.status_code, second.status_code) == (201, 409)
    assert second.json()["message"] == f"Contact already exists. Existing ID: {first.json()['id']}"


def test_update_of_an_unknown_contact_is_404(client: Client) -> None:
    assert client.hubspot("PATCH", f"{CONTACTS}/999", {"properties": {"city": "Rome"}}).status_code == 404


def test_search_pages_through_what_matches(client: Client) -> None:
    client.upsert(*(f"u{number}@example.com" for number in range(5)), city="Rome")
    client.upsert("other@example.com", city="Oslo")
    body = {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "EQ", "value": "rome"}]}], "limit": 3}

    first = client.hubspot("POST", f"{CONTACTS}/search", body).json()
    after = first["paging"]["next"]["after"]
    second = client.hubspot("POST", f"{CONTACTS}/search", {**body, "after": after}).json()

    assert first["total"] == 5
    assert [len(page["results"]) for page in (first, second)] == [3, 2]
    assert "paging" not in second


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([{"propertyName": "email", "operator": "EQ", "value": "A@example.com"}], ["a@example.com"]),
        ([{"propertyName": "email", "operator": "IN", "values": ["a@example.com", "x"]}], ["a@example.com"]),
        ([{"propertyName": "phone", "operator": "HAS_PROPERTY"}], ["b@example.com"]),
        ([{"propertyName": "phone", "operator": "NOT_HAS_PROPERTY"}], ["a@example.com"]),
        ([{"propertyName": "city", "operator": "NEQ", "value": "x' OR 1=1"}], ["a@example.com", "b@example.com"]),
        ([{"propertyName": "city", "operator": "EQ", "value": "x' OR 1=1"}], []),
    ],
)
def test_search_filters(client: Client, filters: list[object], found: list[str]) -> None:
    client.upsert("a@example.com")
    client.upsert("b@example.com", phone="1")
    results = client.hubspot("POST", f"{CONTACTS}/search", {"filterGroups": [{"filters": filters}]}).json()["results"]
    assert [result["properties"]["email"] for result in results] == found


def test_search_by_an_unknown_property_is_400(client: Client) -> None:
    filters = [{"propertyName": "1; DROP TABLE x", "operator": "EQ", "value": "1"}]
    body = {"filterGroups": [{"filters": filters}]}
    assert client.hubspot("POST", f"{CONTACTS}/search", body).status_code == 400


def test_erased_contact_is_gone_and_its_id_never_returns(client: Client) -> None:
    [contact] = client.upsert("anna@example.com").json()["results"]
    body = {"objectId": "anna@example.com", "idProperty": "email"}

    assert client.hubspot("POST", f"{CONTACTS}/gdpr-delete", body).status_code == 204
    assert client.hubspot("POST", f"{CONTACTS}/gdpr-delete", body).status_code == 204
    assert client.hubspot("GET", f"{CONTACTS}/{contact['id']}").status_code == 404
    assert client.upsert("anna@example.com").json()["results"][0]["id"] != contact["id"]
    assert client.effects().count(("erase", "anna@example.com")) == 1


def test_wrong_key_is_401_in_hubspots_form(client: Client) -> None:
    reply = client.http.post(UPSERT, json={"inputs": []}, headers={"Authorization": "Bearer nope"})
    assert reply.status_code == 401
    assert (reply.json()["status"], reply.json()["category"]) == ("error", "INVALID_AUTHENTICATION")


@pytest.mark.parametrize(
    "grant",
    [
        {"grant_type": "refresh_token", "refresh_token": "refresh-sandbox-hubspot"},
        {"grant_type": "client_credentials"},
    ],
)
def test_issued_token_opens_the_api_until_it_expires(
    client: Client, grant: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    form = {**grant, "client_id": "sandbox-client", "client_secret": "sandbox-secret"}
    issued = client.http.post("/hubspot/oauth/v1/token", data=form).json()
    headers = {"Authorization": f"Bearer {issued['access_token']}"}

    def status() -> int:
        return client.http.get("/hubspot/account-info/v3/details", headers=headers).status_code

    assert issued["expires_in"] == 1800
    assert status() == 200
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1801)
    assert status() == 401


def test_refresh_with_a_wrong_secret_or_token_is_refused(client: Client) -> None:
    form = {"grant_type": "refresh_token", "client_id": "sandbox-client", "refresh_token": "refresh-sandbox-hubspot"}
    wrong_secret = client.http.post("/hubspot/oauth/v1/token", data={**form, "client_secret": "x"})
    right = {**form, "client_secret": "sandbox-secret", "refresh_token": "stale"}
    assert wrong_secret.status_code == 400
    assert client.http.post("/hubspot/oauth/v1/token", data=right).json()["category"] == "BAD_REFRESH_TOKEN"


def test_limit_headers_count_down_and_the_request_above_the_limit_is_429(client: Client) -> None:
    client.dial(vendor="hubspot", rate_limit={"requests": 2, "window_ms": 2000})

    replies = [client.upsert("anna@example.com") for _ in range(3)]

    remaining = [reply.headers["X-HubSpot-RateLimit-Remaining"] for reply in replies]
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert remaining == ["1", "0", "0"]
    assert replies[2].json()["policyName"] == "TEN_SECONDLY_ROLLING"
    assert len(client.effects()) == 2
    assert eventually(lambda: client.upsert("anna@example.com").status_code == 200)


def test_default_limit_is_190_in_ten_seconds(client: Client) -> None:
    headers = client.hubspot("GET", "/account-info/v3/details").headers
    assert headers["X-HubSpot-RateLimit-Max"] == "190"
    assert headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"


def test_search_has_its_own_limit_and_no_limit_headers(client: Client) -> None:
    replies = [client.hubspot("POST", f"{CONTACTS}/search", {}) for _ in range(6)]
    assert replies[5].json()["policyName"] == "SECONDLY"
    assert "X-HubSpot-RateLimit-Max" not in replies[0].headers


def test_broken_json_is_400_and_the_connection_goes_on(client: Client) -> None:
    reply = client.http.post(UPSERT, content=b"{nope", headers=HUBSPOT)
    assert reply.status_code == 400
    assert client.upsert("anna@example.com").status_code == 200


def test_chunked_body_is_read(client: Client) -> None:
    def body() -> object:
        yield b'{"inputs":[{"id":"a@exam'
        yield b'ple.com","idProperty":"email","properties":{}}]}'

    reply = client.http.post(UPSERT, content=body(), headers=HUBSPOT)  # type: ignore[arg-type]
    assert reply.json()["results"][0]["new"] is True


def test_unknown_path_is_404_and_wrong_method_405(client: Client) -> None:
    assert client.hubspot("GET", "/crm/v3/nothing").status_code == 404
    assert client.hubspot("PUT", CONTACTS).status_code == 405


def test_a_code_is_good_once_and_with_its_verifier_alone(client: Client) -> None:
    # The verifier and challenge of RFC 7636, appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    asked = {"client_id": "sandbox-client", "redirect_uri": "https://x.example/cb", "state": "s"}
    asked["code_challenge"] = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    page = client.http.get("/hubspot/oauth/authorize", params=asked).text
    code = page.partition("code=")[2].partition("&")[0]
    form = {"grant_type": "authorization_code", "code": code, "client_id": "sandbox-client"}
    form["client_secret"] = "sandbox-secret"

    def status(**more: str) -> int:
        return client.http.post("/hubspot/oauth/v1/token", data={**form, **more}).status_code

    assert status() == status(code_verifier="wrong") == 400
    assert status(code_verifier=verifier) == 200
    assert status(code_verifier=verifier) == 400
