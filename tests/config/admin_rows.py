"""An installation in which every text that strangers may write is hostile."""

from datetime import timedelta

from django.db.models import Model

from engine.models import Turn
from gateway.models import AdminNetwork, AuditEntry, KeyUse, RequestLog
from integrations.models import Call, ConnectorState, Delivery, Sync
from leads.models import Activity, Consent, Erasure, Export, ExportPlan, Import, Lead, Reference
from runtime import audit
from runtime.clock import db_now
from runtime.models import Retention
from tests.factories import (
    ClientFactory,
    ConnectorFactory,
    ConversationFactory,
    CredentialFactory,
    DeliveryFactory,
    ExampleFactory,
    FaqFactory,
    InboundEventFactory,
    IntentFactory,
    KeyFactory,
    LeadFactory,
    MappingVersionFactory,
    SlotFactory,
    SourceFactory,
    UserFactory,
)

MARK = "zzmarkzz"
HOSTILE = f"<script>{MARK}</script>'\"`{{{{ {MARK} }}}} ${{{MARK}}} \u202e\u0645\u0631\u062d\u0628\u0627 \U0001f389"
"""Markup, template and expression syntax, right-to-left text with an override, an emoji."""


def hostile_rows(number: int = 1) -> list[Model]:
    """Make one row of each kind, all of them full of hostile text; return them."""
    now = db_now()
    short = HOSTILE[:70]
    client = ClientFactory(name=f"{number} {HOSTILE}")
    key = KeyFactory(client=client, name=short, last_used_at=now)
    KeyUse.objects.create(key=key, address=short[:64], first_at=now, last_at=now)
    network = AdminNetwork.objects.create(network=f"127.0.0.{number}/32" if number > 1 else "127.0.0.1", note=short)
    credential = CredentialFactory(name=f"{number} {short}", host="127.0.0.1")
    connector = ConnectorFactory(name=f"{number} {short}", credential=credential)
    ConnectorState.objects.create(connector=connector, last_failure_at=now, last_failure=HOSTILE)
    lead = LeadFactory(
        client=client,
        email=f"person{number}@example.com",
        first_name=HOSTILE,
        last_name="=1+1",
        company=HOSTILE,
        possible_duplicate=True,
        attributes={HOSTILE: HOSTILE},
        source={"channel": HOSTILE, "page_url": f"javascript:{HOSTILE}", "utm": {HOSTILE: HOSTILE}},
    )
    Reference.objects.create(lead=lead, client=client, value=f"{number} {short}")
    Consent.objects.create(lead=lead, purpose=short[:64], granted=True, wording=HOSTILE, version=HOSTILE[:40])
    for revision, kind in ((1, Activity.Kind.CAPTURED), (2, Activity.Kind.UPDATED)):
        changes = {HOSTILE: [HOSTILE, HOSTILE]}
        Activity.objects.create(
            lead=lead, client=client, kind=kind, revision=revision, message=HOSTILE, changes=changes
        )
    rows = [{"field": HOSTILE[:100], "source": HOSTILE, "function": "fixed", "argument": HOSTILE}]
    mapping = MappingVersionFactory(connector=connector, rows=rows, note=HOSTILE[:200], changed_by=short)
    call = Call.objects.create(
        connector=connector,
        purpose="upsert",
        method="POST",
        url=f"https://example.com/{HOSTILE}",
        status=400,
        error=HOSTILE,
        duration_ms=31,
        request_body=HOSTILE,
        response_body=HOSTILE,
    )
    refused = {"reason": "refused", "field": short, "vendor_words": HOSTILE, "external_id": HOSTILE[:100], "tries": 3}
    delivery = DeliveryFactory(
        connector=connector, subject_id=lead.pk, state=Delivery.State.NEEDS_YOU, call=call, settled_at=now, **refused
    )
    request = RequestLog.objects.create(
        request_id=f"request-{number}",
        client=client,
        method="POST",
        route=f"/v1/{short}",
        status=422,
        code="invalid",
        duration_ms=12,
        request_body=HOSTILE,
        response_body=HOSTILE,
    )
    intent = IntentFactory(label=short, answer=HOSTILE)
    ExampleFactory(intent=intent, text=HOSTILE)
    SlotFactory(intent=intent, name="order_number", kind="order_number", prompt=HOSTILE)
    faq = FaqFactory(question=HOSTILE, answer=HOSTILE)
    conversation = ConversationFactory(client=client, intent=intent, slots={HOSTILE: HOSTILE})
    facts = [{"name": HOSTILE, "value": HOSTILE, "source": HOSTILE, "record_id": HOSTILE, "age_seconds": 2}]
    for minute in range(2):
        Turn.objects.create(
            conversation=conversation,
            at=now + timedelta(minutes=minute),
            prompt=HOSTILE,
            state="answered",
            intent=intent,
            answer=HOSTILE,
            facts=facts,
            request_id=HOSTILE[:60],
        )
    source = SourceFactory(name=f"{number} {short}")
    event = InboundEventFactory(source=source, type=HOSTILE[:64], body=HOSTILE, reason=HOSTILE, state="needs_you")
    user = UserFactory(first_name=short, last_name=short, email="person@example.com")
    audit.note(HOSTILE, source, by=HOSTILE)
    entry = AuditEntry.objects.latest("id")
    AuditEntry.objects.filter(pk=entry.pk).update(changes={"name": [HOSTILE, HOSTILE], HOSTILE: [HOSTILE, HOSTILE]})
    shape = {"filters": {"q": HOSTILE, "channel": HOSTILE}, "columns": ["id", "email", f"attribute.{HOSTILE}"]}
    plan = ExportPlan.objects.create(name=f"{number} {short}", person=user, **shape)
    ready = {
        "state": "done",
        "reason": HOSTILE[:200],
        "expires_at": now,
        "file_name": "leads.csv",
        "has_personal": True,
    }
    export = Export.objects.create(plan=plan, person=user, **shape, **ready)
    erasure = Erasure.objects.create(
        lead_id=lead.pk, captured_at=now, person=user, client=client, reason=HOSTILE, counts={HOSTILE: 1},
        step="elsewhere",
        by_hand=[HOSTILE], remains=[HOSTILE], vendors=[{"connector": HOSTILE, "state": "needs_you", "words": HOSTILE}],
    )  # fmt: skip
    brought = Import.objects.create(
        file_name=short, suffix=".csv", person=user, matched={HOSTILE: "email"}, state="done"
    )
    kept, _ = Retention.objects.get_or_create(name="calls", defaults={"trouble": HOSTILE[:60]})
    return [
        kept,
        brought,
        erasure,
        plan,
        export,
        client,
        key,
        credential,
        connector,
        mapping,
        Sync.objects.get(pk=connector.pk),
        lead,
        call,
        delivery,
        request,
        intent,
        faq,
        conversation,
        source,
        event,
        user,
        entry,
        network,
    ]


def lead_captured(name: str, *, minutes_ago: float = 0) -> Lead:
    """Make a plain lead."""
    at = db_now() - timedelta(minutes=minutes_ago)
    lead: Lead = LeadFactory(first_name=name, created_at=at, updated_at=at)
    Activity.objects.create(
        lead=lead, at=at, client=lead.client, kind=Activity.Kind.CAPTURED, revision=1, message="Hello"
    )
    return lead
