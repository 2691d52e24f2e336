"""Versions of mappings: what is in use, what was, and who is told."""

import importlib

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError

from integrations import mappings
from integrations.drain import drain
from integrations.mapping import Row
from integrations.models import Connector, MappingVersion
from tests.factories import ConnectorFactory, DeliveryFactory, LeadFactory, MappingVersionFactory

pytestmark = [pytest.mark.django_db, pytest.mark.db]

ROWS = [Row("firstname", "first_name"), Row("company", "", "fixed", "Visitor")]


def draft(connector, rows=ROWS):
    return mappings.mapping_draft(connector=connector, operation="upsert", rows=rows, by="admin")


def in_use(connector):
    return [row.field for row in mappings.rows_in_use(Connector.objects.get(pk=connector.pk))]


def test_a_connector_begins_with_the_usual_fields():
    assert "lastname" in in_use(ConnectorFactory())


def test_a_draft_changes_nothing_until_it_is_published():
    connector = ConnectorFactory()
    version = draft(connector)
    assert "lastname" in in_use(connector)
    mappings.mapping_publish(version=version)
    assert in_use(connector) == ["firstname", "company"]


def test_one_can_go_back_to_any_version():
    connector = ConnectorFactory()
    first, second = draft(connector), draft(connector, ROWS[:1])
    for version in (first, second, first):
        mappings.mapping_publish(version=version)
    assert in_use(connector) == ["firstname", "company"]
    states = dict(MappingVersion.objects.values_list("number", "state"))
    assert states == {1: "in_use", 2: "retired"}


def test_what_is_or_was_in_use_is_never_rewritten():
    connector = ConnectorFactory()
    version = draft(connector)
    assert mappings.mapping_change(version=version, rows=ROWS[:1]).pk == version.pk
    mappings.mapping_publish(version=version)
    other = mappings.mapping_change(version=version, rows=ROWS)
    assert (other.number, other.state) == (2, "draft")
    assert in_use(connector) == ["firstname"]


def test_what_can_not_work_is_refused_at_its_field():
    with pytest.raises(ValidationError) as caught:
        draft(ConnectorFactory(), [Row("firstname", "first_name[")])
    assert "firstname" in caught.value.message_dict["rows"][0]


def test_what_stood_in_a_connectors_settings_becomes_its_first_version():
    connector = ConnectorFactory(config={"mapping": {"firstname": "first_name"}, "portal": "7"})
    importlib.import_module("integrations.migrations.0006_mapping_versions").take_over(apps, None)
    assert in_use(connector) == ["firstname"]
    assert Connector.objects.get(pk=connector.pk).config == {"portal": "7"}


def test_several_connectors_are_read_in_one_statement(django_assert_num_queries):
    connectors = [MappingVersionFactory().connector for _ in range(3)]
    with django_assert_num_queries(1):
        mappings.prepare(connectors)
        assert [len(mappings.rows_in_use(connector)) for connector in connectors] == [1, 1, 1]


@pytest.mark.django_db(transaction=True)
def test_leads_are_sent_by_the_version_in_use(sandbox):
    connector = ConnectorFactory(base_url=sandbox.hubspot_url)
    mappings.mapping_publish(version=draft(connector))
    lead = LeadFactory(first_name="Anna", last_name="Berg")
    DeliveryFactory(connector=connector, subject_id=lead.pk)
    drain(connector.pk)
    [row] = sandbox.contacts()
    assert row["properties"]["company"] == "Visitor"
    assert not row["properties"].get("lastname")
