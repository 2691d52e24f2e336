"""Addresses that mail names are written down, as a worker loads no pages; they are those of the pages."""

import pytest
from django.urls import resolve, reverse

from gateway.models import Client
from gateway.paths import page_of
from integrations.models import Connector
from leads.exports.services import download_address
from leads.models import Export
from runtime.clock import db_now

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", [Client, Connector, Export])
def test_a_records_page_is_where_mail_says(model):
    record, of = model(pk=7) if model is Client else model(), model._meta
    assert page_of(record) == reverse(f"admin:{of.app_label}_{of.model_name}_change", args=(record.pk,))


def test_a_files_download_is_where_mail_says():
    export = Export(expires_at=db_now())
    match = resolve(download_address(export))
    assert (match.view_name, match.kwargs["pk"]) == ("admin:leads_export_download", export.pk)
