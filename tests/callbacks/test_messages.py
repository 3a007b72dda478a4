"""The texts that customers read: a service's message file, their language, and what happens without one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callbacks.models import Callback
from callbacks.push import notification, texts
from callbacks.push.files import Unreadable
from callbacks.push.texts import preferred
from services import resolution
from tests.api.conftest import make_service
from tests.world import World

FILE = """
fallback: en
texts:
  en:
    title: Your callback
    text: Shall we call you now?
    ok: Call me
  de:
    title: Ihr Rückruf
    text: Sollen wir Sie jetzt anrufen?
  pt-BR:
    text: Podemos ligar agora?
  no:
    text: Skal vi ringe nå?
"""


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.MESSAGE_FILES = tmp_path
    (tmp_path / "bank.yaml").write_text(FILE)
    return tmp_path


# The customer's language


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("en-US,en;q=0.8", ["en-us", "en"]),
        ("de;q=0.5, en", ["en", "de"]),
        ("de-AT", ["de-at"]),
        ("de;q=0,en;q=0.1", ["en"]),
        ("*, xx-, de;q=2, fr;q=abc, en ; q=0.9", ["en"]),
        ("", []),
    ],
)
def test_the_languages_of_a_header_by_preference(header: str, tags: list[str]) -> None:
    assert preferred(header) == tags


@given(st.text(max_size=300))
def test_any_header_is_read(header: str) -> None:
    assert all(tag == tag.lower() for tag in preferred(header))


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (["de-AT,en"], "Sollen wir Sie jetzt anrufen?"),
        (["fr,de;q=0.5"], "Sollen wir Sie jetzt anrufen?"),
        (["pt-br"], "Podemos ligar agora?"),
        # The tag of Norwegian is YAML's word for no.
        (["no"], "Skal vi ringe nå?"),
        # Portuguese is not Brazil's: RFC 4647 makes tags shorter, never longer.
        (["pt"], "Shall we call you now?"),
        (["", "de"], "Sollen wir Sie jetzt anrufen?"),
        (["fr", "ja"], "Shall we call you now?"),
        ([], "Shall we call you now?"),
    ],
)
def test_who_reads_what(folder: Path, wanted: list[str], text: str) -> None:
    assert texts.load("bank.yaml").texts(wanted)["text"] == text


def test_what_a_language_does_not_say_the_fallback_says(folder: Path) -> None:
    german = {"title": "Ihr Rückruf", "text": "Sollen wir Sie jetzt anrufen?", "ok": "Call me"}
    assert texts.load("bank.yaml").texts(["de"]) == german


def test_a_json_file_will_do(folder: Path) -> None:
    (folder / "bank.json").write_text('{"fallback": "en", "texts": {"en": {"ok": "Yes"}}}')
    assert texts.load("bank.json").texts(["en"]) == {"ok": "Yes"}


def test_a_file_that_is_changed_counts_at_once(folder: Path) -> None:
    assert texts.load("bank.yaml").texts(["en"])["ok"] == "Call me"
    (folder / "bank.yaml").write_text(FILE.replace("Call me", "Yes"))
    assert texts.load("bank.yaml").texts(["en"])["ok"] == "Yes"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("a: [", "it is neither YAML nor JSON in UTF-8"),
        ("\x80", "it is neither YAML nor JSON in UTF-8"),
        ("!!python/object/apply:os.system [id]", "it must have the keys fallback and texts, and no others"),
        ("fallback: en", "it must have the keys fallback and texts, and no others"),
        ("- en", "it must have the keys fallback and texts, and no others"),
        ("fallback: en\ntexts: {}", "texts must have 1 to 100 languages"),
        ("fallback: en\ntexts: {de: {}}", "fallback is 'en', which texts does not have"),
        ("fallback: en\ntexts: {en: {titel: x}}", "en may have title, text, ok, sms, and no others"),
        ("fallback: en\ntexts: {en: {ok: [1]}}", "ok of en must be a text of at most 40 characters"),
        (f"fallback: en\ntexts: {{en: {{ok: {'x' * 41}}}}}", "ok of en must be a text of at most 40 characters"),
        ("fallback: en\ntexts: {english!: {}}", "'english!' is no language such as de or pt-BR"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(folder: Path, content: str, why: str) -> None:
    (folder / "broken.yaml").write_bytes(content.encode("latin-1"))
    with pytest.raises(Unreadable) as failed:
        texts.load("broken.yaml")
    assert str(failed.value) == f"broken.yaml in {folder} cannot be used: {why}"


@pytest.mark.parametrize(
    "name", ["../secret.yaml", "/etc/passwd", ".hidden", "a/../../b", "a//b", "", "x\x00", "out.yaml"]
)
def test_no_name_leads_out_of_the_folder(folder: Path, name: str) -> None:
    (folder.parent / "secret.yaml").write_text(FILE)
    (folder / "out.yaml").symlink_to(folder.parent / "secret.yaml")
    with pytest.raises(Unreadable):
        texts.load(name)


def test_a_file_may_lie_deeper_as_mounted_volumes_have_it(folder: Path) -> None:
    (folder / "2026").mkdir()
    (folder / "2026" / "bank.yaml").write_text(FILE)
    (folder / "now.yaml").symlink_to(folder / "2026" / "bank.yaml")
    assert texts.load("2026/bank.yaml") == texts.load("now.yaml")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("parameters", "header", "language"),
    [
        ({}, "de-AT,de;q=0.9", "de-AT,de;q=0.9"),
        ({"_customer_language": "fr"}, "de", "fr"),
        ({}, "", None),
        ({}, "*", None),
        ({}, "de," + "x" * 300, "de," + "x" * 197),
    ],
)
def test_a_client_says_what_its_user_reads(parameters: dict[str, str], header: str, language: str | None) -> None:
    service = make_service("texts", _notification_message_file="bank.yaml")
    assert notification.with_language(service, parameters, header).get("_customer_language") == language


@pytest.mark.django_db
def test_where_nothing_is_translated_no_language_is_kept() -> None:
    assert notification.with_language(make_service("plain"), {"_customer_number": "5115"}, "de") == {
        "_customer_number": "5115"
    }


# A callback whose customer is asked


@pytest.fixture
def world(transactional_db: None, folder: Path) -> World:
    return World(
        _wait_for_agent="true", _wait_for_user_confirm="true", _user_confirm_timeout="60",
        _notification_message_file="bank.yaml",
    )  # fmt: skip


def frozen(callback: Callback) -> dict[str, str]:
    callback.refresh_from_db()
    return dict(callback.options["notification"]["texts"])


@pytest.mark.django_db(transaction=True)
def test_the_texts_are_frozen_when_the_execution_starts(world: World, folder: Path) -> None:
    world.service.options["_status_notification_language"] = "pt-BR"
    world.service.save()
    callback = world.start(_device_os="comet")
    assert frozen(callback)["text"] == "Podemos ligar agora?"
    (folder / "bank.yaml").unlink()
    assert frozen(callback)["text"] == "Podemos ligar agora?"


@pytest.mark.django_db(transaction=True)
def test_without_its_message_file_a_callback_ends_as_the_vendors_does(world: World, folder: Path) -> None:
    (folder / "bank.yaml").unlink()
    callback = world.start(_device_os="comet")
    callback.refresh_from_db()
    assert (callback.state, callback.reason) == ("COMPLETED", "FAIL_LOAD_MESSAGE_FILE")
    said = (
        "The message file (_notification_message_file) was not loaded: bank.yaml in "
        f"{folder} cannot be read: No such file or directory."
    )
    assert callback.journal.get(kind="ended").text == said


@pytest.mark.django_db(transaction=True)
def test_who_is_not_asked_needs_no_texts(world: World, folder: Path) -> None:
    (folder / "bank.yaml").unlink()
    world.service.options["_wait_for_user_confirm"] = "false"
    world.service.save()
    callback = world.start()
    callback.refresh_from_db()
    assert callback.state != "COMPLETED"
    assert resolution.resolve_one(world.service, "_notification_message_file") == "bank.yaml"
