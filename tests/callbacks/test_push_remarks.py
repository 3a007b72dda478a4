"""What an administrator is told of push before the first customer is: on a service, and on the section's page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from services.models import ConfiguredService, Section
from services.readiness import Readiness
from tests.api.conftest import make_service
from tests.callbacks.apple import KEY_ID, P8, TEAM, TOPIC
from tests.callbacks.google import KEY_FILE

pytestmark = pytest.mark.django_db

ASKS = {"_wait_for_agent": "true", "_wait_for_user_confirm": "true"}
APNS = {"apns.credentials": "key.p8", "apns.keyId": KEY_ID, "apns.teamId": TEAM, "apns.topic": TOPIC}


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.PUSH_CREDENTIALS = settings.MESSAGE_FILES = tmp_path
    (tmp_path / "bank.json").write_text(json.dumps(KEY_FILE))
    (tmp_path / "key.p8").write_text(P8)
    return tmp_path


def said(service: ConfiguredService) -> list[str]:
    """What is said of push; what else the service lacks is not of interest here."""
    mine = ("_provider_name", "_notification_message_file")
    return [str(found) for found in Readiness().missing_of(service) if found.option in mine]


def test_credentials_that_cannot_be_read_are_found_on_every_service_that_asks(folder: Path) -> None:
    Section.objects.create(name="push", options={"pushEnabled": "comet,fcm,ios", "fcm.credentials": "gone.json"})
    service = make_service("asks", **ASKS)
    assert said(service) == [
        "cannot ask every customer: nothing can be sent to devices of kind fcm: fcm.credentials in [push]: "
        f"gone.json in {folder} cannot be read: No such file or directory.",
        "cannot ask every customer: nothing can be sent to devices of kind ios: apns.credentials, apns.keyId, "
        "apns.teamId, apns.topic in [push] are empty.",
    ]
    Section.objects.update(options={"pushEnabled": "fcm,ios", "fcm.credentials": "bank.json", **APNS})
    assert said(service) == []
    # Who asks nobody needs no credentials.
    Section.objects.update(options={"pushEnabled": "fcm"})
    assert said(make_service("calls")) == []


def test_a_provider_and_a_message_file_that_are_not_there(folder: Path) -> None:
    service = make_service("asks", **ASKS, _provider_name="bank", _notification_message_file="bank.yaml")
    assert said(service) == [
        f"cannot work: _notification_message_file: bank.yaml in {folder} cannot be read: No such file or directory.",
        "cannot ask every customer: there is no section [push.provider.bank], which _provider_name names.",
    ]
    Section.objects.create(name="push.provider.bank", options={"fcm.credentials": "bank.json"})
    (folder / "bank.yaml").write_text("{fallback: en, texts: {en: {ok: Yes}}}")
    assert said(service) == []


def test_text_messages_without_a_link_are_found(folder: Path) -> None:
    Section.objects.create(name="push", options={"pushEnabled": "sms", "sms.url": "https://sms.example.org/"})
    service = make_service("asks", **ASKS)
    assert said(service) == [
        "cannot ask every customer: text messages have no link: external_url_base in [server] is empty."
    ]
    Section.objects.create(name="server", options={"external_url_base": "https://cb.example.org"})
    assert said(service) == []


def test_the_page_of_a_section_says_whether_its_files_can_be_read(folder: Path, client: Client) -> None:
    options = {"pushEnabled": "fcm,ios", "fcm.credentials": "bank.json", "debug.fcm.credentials": "gone.json"}
    push = Section.objects.create(name="push", options=options)
    bank = Section.objects.create(name="push.provider.bank", options=APNS)
    client.force_login(User.objects.create_superuser("root"))
    page = client.get(f"/admin/services/section/{push.pk}/change/").content.decode()
    assert "<li>fcm: what it needs can be read.</li>" in page
    assert "<li>fcm (debug): nothing can be sent to devices of kind fcm: debug.fcm.credentials in [push]" in page
    assert "<li>ios: nothing can be sent to devices of kind ios: apns.credentials, apns.keyId" in page
    # Secrets are in files, and their content is nowhere.
    assert "PRIVATE KEY" not in page
    page = client.get(f"/admin/services/section/{bank.pk}/change/").content.decode()
    assert "<li>ios: what it needs can be read.</li>" in page
    # It has fields for what a provider may say, and none for what only [push] says.
    assert "apns.topic" in page
    assert "pushEnabled" not in page


@pytest.mark.parametrize("text", ['{"type": "service_account"}', "-----BEGIN PRIVATE KEY-----", "../x", "/etc/passwd"])
def test_a_secret_cannot_be_put_where_a_file_is_named(text: str) -> None:
    from services.catalogue import OptionError, section_option

    option = section_option("push.provider.bank", "fcm.credentials")
    assert option is not None
    with pytest.raises(OptionError, match="allowed is the name of a file below PUSH_CREDENTIALS"):
        option.check(text)
