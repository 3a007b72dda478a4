from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import ProtectedError
from pytest_django import Settings

from services.kinds import BadValue, service_reference
from services.models import ApiKey, ConfiguredService

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def make_service(name: str = "voice-userterm-immediate") -> ConfiguredService:
    return ConfiguredService.objects.create(name=name, configuration="User Terminated Immediate")


def test_the_url_path_begins_with_the_configured_base(settings: Settings) -> None:
    settings.API_BASE_PATH = "genesys"
    assert make_service().url_path == "/genesys/1/service/callback/voice-userterm-immediate"
    settings.API_BASE_PATH = "gms"
    assert ConfiguredService(name="x").url_path == "/gms/1/service/callback/x"


@pytest.mark.parametrize("name", ["v", "Voice_1.2-x", "v" * 64, "..."])
def test_names_that_fit_into_a_url(name: str) -> None:
    ConfiguredService(name=name, configuration="Custom").full_clean()


@pytest.mark.parametrize("name", ["", "v" * 65, "a b", "a/b", "ü", "a\n", "..", ".", "callback", "Availability"])
def test_names_that_do_not(name: str) -> None:
    with pytest.raises(ValidationError):
        ConfiguredService(name=name, configuration="Custom").full_clean()


def test_the_database_refuses_a_name_that_is_no_url_part() -> None:
    with pytest.raises(IntegrityError, match="service_name_is_url_part"):
        make_service("a/b")


def test_a_name_is_unique() -> None:
    make_service()
    with pytest.raises(IntegrityError):
        make_service()


def test_services_of_a_type() -> None:
    service = make_service()
    ConfiguredService.objects.create(name="bh_24x7", type="office-hours", configuration="Custom")
    assert list(ConfiguredService.objects.of_type("callback")) == [service]


def test_a_service_reference_looks_its_service_up_only_when_checked() -> None:
    kind = service_reference("callback")
    assert kind.check
    assert kind.choices
    assert kind.read("voice") == "voice"
    with pytest.raises(BadValue, match="of type callback: there is none yet"):
        kind.check("voice")
    make_service("voice")
    kind.check("voice")
    assert kind.choices() == [("voice", "voice")]
    with pytest.raises(BadValue, match=r"'other' was given, allowed is the name of a .* of type callback: voice"):
        kind.check("other")


def test_a_key_is_found_by_its_text_of_which_only_a_hash_is_stored() -> None:
    api_key, text = ApiKey.objects.create_key(name="mobile app", scopes=["start"])
    assert ApiKey.TEXT_FORMAT.fullmatch(text)
    stored = ApiKey.objects.get_from_key(text)
    assert stored == api_key
    assert stored.text == ""
    secret = text.partition(".")[2]
    assert not [value for value in ApiKey.objects.values_list().get() if secret in str(value)]


@pytest.mark.parametrize(
    "change", [str.lower, lambda text: text[:-1], lambda text: text + "x", lambda text: "\0" + text]
)
def test_no_other_text_finds_it(change: Callable[[str], str]) -> None:
    _, text = ApiKey.objects.create_key(name="mobile app", scopes=["start"])
    with pytest.raises(ApiKey.DoesNotExist):
        ApiKey.objects.get_from_key(change(text))


def test_the_prefix_alone_is_not_enough() -> None:
    _, text = ApiKey.objects.create_key(name="mobile app", scopes=["start"])
    with pytest.raises(ApiKey.DoesNotExist):
        ApiKey.objects.get_from_key(text[:9] + "x" * 32)


@pytest.mark.parametrize("text", ["", ".", "\0", "x" * 1_000_000, "aaaaaaaa." + "b" * 32, "ü" * 41])
def test_texts_that_are_no_key(text: str) -> None:
    with pytest.raises(ApiKey.DoesNotExist):
        ApiKey.objects.get_from_key(text)


def test_a_revoked_key_is_refused() -> None:
    api_key, text = ApiKey.objects.create_key(name="mobile app", scopes=["start"])
    ApiKey.objects.filter(pk=api_key.pk).update(revoked=True)
    with pytest.raises(ApiKey.DoesNotExist):
        ApiKey.objects.get_from_key(text)


def test_a_key_works_until_it_expires() -> None:
    _, text = ApiKey.objects.create_key(name="mobile app", scopes=["start"], expires_at=NOW)
    assert ApiKey.objects.get_from_key(text, NOW - timedelta(seconds=1))
    with pytest.raises(ApiKey.DoesNotExist):
        ApiKey.objects.get_from_key(text, NOW)


def test_what_a_key_allows() -> None:
    voice, other = make_service("voice"), make_service("other")
    api_key, _ = ApiKey.objects.create_key(name="mobile app", scopes=["start", "query"])
    assert api_key.allows("start")
    assert api_key.allows("query", voice)
    assert not api_key.allows("admin")
    api_key.services.add(voice)
    assert api_key.allows("start", voice)
    assert not api_key.allows("start", other)
    assert not api_key.allows("admin", voice)


@pytest.mark.parametrize("scopes", [[], ["root"], ["start", "root"]])
def test_the_database_refuses_unknown_scopes(scopes: list[str]) -> None:
    with pytest.raises(IntegrityError, match="api_key_has_known_scopes"):
        ApiKey.objects.create_key(name="mobile app", scopes=scopes)


def test_deleting_a_service_cannot_open_a_limited_key_to_all_services() -> None:
    voice = make_service("voice")
    api_key, _ = ApiKey.objects.create_key(name="mobile app", scopes=["start"])
    api_key.services.add(voice)
    with pytest.raises(ProtectedError):
        voice.delete()
    assert list(api_key.services.all()) == [voice]
