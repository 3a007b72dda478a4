from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from html import unescape

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from services.catalogue import SECTIONS
from services.models import ApiKey, ConfiguredService
from services.resolution import resolve
from tests.services.doubles import COMPLETE

pytestmark = pytest.mark.django_db

ADD = "/admin/services/configuredservice/add/"
LIST = "/admin/services/configuredservice/"
IMMEDIATE = {"type": "callback", "name": "voice-userterm-immediate", "configuration": "User Terminated Immediate"}


def change_url(service: ConfiguredService) -> str:
    return reverse("admin:services_configuredservice_change", args=[service.pk])


def make_service(**options: str) -> ConfiguredService:
    return ConfiguredService.objects.create(
        name="voice", configuration="User Terminated Immediate", options={**COMPLETE, **options}
    )


def shown_form(client: Client, service: ConfiguredService) -> dict[str, str]:
    """What a browser would send back if nothing were changed."""
    form = client.get(change_url(service)).context["adminform"].form
    return {name: form[name].value() for name in form.fields}


def submit(client: Client, service: ConfiguredService, **changes: str) -> dict[str, list[str]]:
    """Submit the page with some options changed; the errors by field."""
    sent = {**shown_form(client, service), **{f"option{name}": text for name, text in changes.items()}}
    response = client.post(change_url(service), sent)
    service.refresh_from_db()
    if response.status_code == 302:
        return {}
    return dict(response.context["adminform"].form.errors)


def test_adding_asks_for_type_name_and_configuration(admin_client: Client) -> None:
    page = admin_client.get(ADD)
    assert list(page.context["adminform"].form.fields) == ["type", "name", "configuration", "why"]
    text = page.content.decode()
    assert re.findall(r'<option value="([^"]+)"', text) == [
        "callback",
        "office-hours",
        "capacity",
        "request-interaction",
        "request-access",
        "match-interaction",
        "get",
        "hello",
        "User Terminated Immediate",
        "User Terminated Delayed",
        "Agent Preview",
        "Agent First",
        "User Originated Immediate",
        "User Originated Delayed",
        *["Custom"] * 8,
    ]
    assert f'<a href="{LIST}" class="closelink">Cancel</a>' in text
    assert re.findall(r'<input type="submit" value="([^"]+)"', text) == ["Save"]


def test_adding_leads_to_the_options_with_the_defaults_filled_in(admin_client: Client) -> None:
    page = admin_client.post(ADD, IMMEDIATE, follow=True)
    service = ConfiguredService.objects.get()
    assert page.redirect_chain == [(change_url(service), 302)]
    assert (service.name, service.type, service.configuration, service.options) == (
        "voice-userterm-immediate",
        "callback",
        "User Terminated Immediate",
        {},
    )
    form = shown_form(admin_client, service)
    assert form["option_ttl"] == "86400"
    assert form["option_call_direction"] == "USERTERMINATED"
    assert form["option_wait_for_agent"] == "false"
    assert form["option_max_transfer_to_agent_attempts"] == "5"
    assert form["option_urs_prioritization_strategy"] == "WaitForTarget"
    assert form["option_target"] == ""


@pytest.mark.parametrize(
    ("field", "text", "error"),
    [
        ("name", "voice one", "'voice one' was given, allowed are 1 to 64 of the characters A-Z a-z 0-9 . _ -"),
        ("name", "callback", "'callback' cannot be the name of a service: it is a part of other URLs."),
        ("configuration", "Mine", "Select a valid choice. Mine is not one of the available choices."),
        ("type", "chat", "Select a valid choice. chat is not one of the available choices."),
    ],
)
def test_what_cannot_be_added(admin_client: Client, field: str, text: str, error: str) -> None:
    page = admin_client.post(ADD, {**IMMEDIATE, field: text})
    assert page.context["adminform"].form.errors[field] == [error]
    assert not ConfiguredService.objects.exists()


def test_the_page_shows_the_url_and_a_curl_line(admin_client: Client, settings: Settings) -> None:
    settings.API_BASE_PATH = "genesys"
    service = make_service(_mandatory_customer_lookup_keys="_customer_number,account no")
    text = unescape(admin_client.get(change_url(service)).content.decode())
    url = "http://testserver/genesys/1/service/callback/voice"
    assert f'<pre class="service-url">{url}</pre>' in text
    assert f"curl -H 'x-api-key: YOUR-KEY' -d _customer_number=5115 -d 'account no=...' {url}</pre>" in text


def test_sections_fold_and_mandatory_options_are_marked(admin_client: Client) -> None:
    text = admin_client.get(change_url(make_service())).content.decode()
    sections = re.findall(r"<details( open)?>\s*<summary>\s*<h2 [^>]*>([^<]+)<", text)
    assert sections == [*((" open", section) for section in SECTIONS), ("", "Unknown options")]
    assert '<label for="id_option_target" class="required">_target:</label>' in text
    assert '<label for="id_option_prefix_dial_out">_prefix_dial_out:</label>' in text


def test_the_route_point_is_a_drop_down_of_what_is_configured(admin_client: Client) -> None:
    text = admin_client.get(change_url(make_service(_route_point="7000@Gone"))).content.decode()
    select = re.search(r'<select name="option_route_point".*?</select>', text, re.DOTALL)
    assert select
    assert re.findall(r"<option value=\"([^\"]*)\"( selected)?>([^<]*)<", select[0]) == [
        ("", "", "---------"),
        ("8999@SIP_Switch", "", "8999@SIP_Switch"),
        ("9000@SIP_Switch", "", "9000@SIP_Switch"),
        ("7000@Gone", " selected", "7000@Gone (not configured)"),
    ]


def test_only_what_differs_from_the_configuration_is_stored(admin_client: Client) -> None:
    service = ConfiguredService.objects.create(name="voice", configuration="User Terminated Immediate")
    assert submit(admin_client, service, **COMPLETE, _ttl="604800", _wait_for_agent="false") == {}
    assert service.options == {**COMPLETE, "_ttl": "604800"}
    assert submit(admin_client, service, _ttl="86400") == {}
    assert service.options == COMPLETE


def test_saving_without_a_change_changes_nothing(admin_client: Client) -> None:
    target = '[{"target": "Billing@StatServer.GA"},\n {"target": "Sales@StatServer.GA"}]'
    service = make_service(_target=target, _ttl="60", _cpd_enable="false", _our_own_option="300")
    before = dict(service.options)
    sent = {name: text.replace("\n", "\r\n") for name, text in shown_form(admin_client, service).items()}
    assert admin_client.post(change_url(service), sent).status_code == 302
    service.refresh_from_db()
    assert service.options == before
    assert LogEntry.objects.get().get_change_message() == "No fields changed."


def test_options_that_are_not_known_are_shown_and_kept(admin_client: Client) -> None:
    service = make_service(_our_own_option="300")
    assert "_our_own_option = 300" in admin_client.get(change_url(service)).content.decode()
    assert submit(admin_client, service, _ttl="60") == {}
    assert service.options == {**COMPLETE, "_ttl": "60", "_our_own_option": "300"}


def test_the_history_names_the_options(admin_client: Client) -> None:
    submit(admin_client, make_service(), _ttl="60", _cpd_enable="false")
    assert LogEntry.objects.get().get_change_message() == "Changed _ttl and _cpd_enable."


@pytest.mark.parametrize(
    ("changes", "field", "error"),
    [
        (
            {"_ttl": "a week"},
            "_ttl",
            "Option _ttl: 'a week' was given, allowed is a whole number from 1 to 316224000, in seconds.",
        ),
        (
            {"_route_point": "7000@Gone"},
            "_route_point",
            "Option _route_point: '7000@Gone' was given, allowed is one of 8999@SIP_Switch, 9000@SIP_Switch.",
        ),
        ({"_target": "Billing"}, "_target", "Option _target: 'Billing' was given, allowed is name@server.type."),
        (
            {"_target": ""},
            "_target",
            "Option _target: nothing was given, allowed is a routing target. It is mandatory.",
        ),
        (
            {"_wait_for_user_confirm": "true"},
            "_wait_for_user_confirm",
            "Option _wait_for_user_confirm: 'true' was given, allowed is false as long as _wait_for_agent is false.",
        ),
        (
            {"_request_execution_time_buffer": "180"},
            "_desired_connect_time_threshold",
            "Option _desired_connect_time_threshold: '180' was given, allowed is more than "
            "_request_execution_time_buffer, which is 180 seconds.",
        ),
        (
            {"_customer_lookup_keys": "account"},
            "_customer_lookup_keys",
            "Option _customer_lookup_keys: 'account' was given, allowed is a list that contains every key of "
            "_mandatory_customer_lookup_keys; missing: _customer_number.",
        ),
    ],
)
def test_what_is_refused(admin_client: Client, changes: dict[str, str], field: str, error: str) -> None:
    service = make_service()
    assert submit(admin_client, service, **changes) == {f"option{field}": [error]}
    assert service.options == COMPLETE


def test_a_text_with_a_token_is_not_checked_before_the_request(admin_client: Client) -> None:
    service = make_service()
    assert submit(admin_client, service, _target="$group$@StatServer.GA", _dial_retry_timeout="$pause$") == {}
    assert resolve(service, parameters={"group": "Sales", "pause": "7"})["_dial_retry_timeout"] == 7


def test_a_nul_byte_is_refused(admin_client: Client) -> None:
    service = make_service()
    assert "option_target" in submit(admin_client, service, _target="a\0@b.GA")
    assert service.options == COMPLETE


def test_an_incomplete_service_can_be_saved_and_says_what_it_lacks(admin_client: Client) -> None:
    service = ConfiguredService.objects.create(name="voice", configuration="User Terminated Immediate")
    assert submit(admin_client, service, _target="Billing@StatServer.GA") == {}
    page = admin_client.get(LIST).content.decode()
    assert "cannot work yet: _urs_virtual_queue and _route_point are empty" in page
    submit(admin_client, service, **COMPLETE)
    page = admin_client.get(LIST).content.decode()
    assert '<td class="field-state"><span class="service-ready">ready</span></td>' in page


def test_the_name_cannot_change(admin_client: Client) -> None:
    service = make_service()
    sent = {**shown_form(admin_client, service), "name": "other", "type": "chat", "configuration": "Custom"}
    assert admin_client.post(change_url(service), sent).status_code == 302
    service.refresh_from_db()
    assert (service.name, service.type, service.configuration) == ("voice", "callback", "User Terminated Immediate")


def test_one_who_may_only_look_sees_the_options_and_changes_nothing(client: Client) -> None:
    viewer = User.objects.create_user("vera", password="x", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__in=["view_configuredservice", "view_apikey"]))
    client.force_login(viewer)
    service = make_service()
    assert "_target = Billing@StatServer.GA" in client.get(change_url(service)).content.decode()
    assert client.post(change_url(service), {"option_ttl": "60"}).status_code == 403
    assert client.get(ADD).status_code == 403
    api_key, _ = ApiKey.objects.create_key(name="mobile app", scopes=["start"])
    api_key.services.add(service)
    page = client.get(reverse("admin:services_apikey_change", args=[api_key.pk])).content.decode()
    assert '<div class="readonly">voice</div>' in page


def test_a_service_in_use_is_not_deleted(admin_client: Client) -> None:
    service = make_service()
    api_key, _ = ApiKey.objects.create_key(name="mobile app", scopes=["start"])
    api_key.services.add(service)
    url = reverse("admin:services_configuredservice_delete", args=[service.pk])
    page = admin_client.get(url).content.decode()
    assert "cannot be deleted while something uses it" in page
    assert f"voice: API keys that are limited to it: {api_key}" in page
    assert admin_client.post(url, {"post": "yes"}).status_code == 200
    assert ConfiguredService.objects.exists()


def test_the_list_asks_the_database_a_fixed_number_of_times(
    admin_client: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for n in range(5):
        ConfiguredService.objects.create(name=f"voice{n}", configuration="Custom")
    with django_assert_num_queries(5):  # session, user, one count, the services, whether they have a desk
        admin_client.get(LIST)


def test_a_new_key_is_shown_once(admin_client: Client) -> None:
    service = make_service()
    sent = {"name": "mobile app", "scopes": ["start", "query"], "limited_to": [service.pk]}
    page = admin_client.post("/admin/services/apikey/add/", sent)
    found = re.search(r'<pre class="api-key">([^<]+)</pre>', page.content.decode())
    assert found
    assert "no-store" in page["Cache-Control"]
    api_key = ApiKey.objects.get_from_key(found[1])
    assert (api_key.name, api_key.scopes, list(api_key.services.all())) == ("mobile app", ["start", "query"], [service])
    secret = found[1].partition(".")[2]
    for url in ("/admin/services/apikey/", reverse("admin:services_apikey_change", args=[api_key.pk])):
        assert secret not in admin_client.get(url).content.decode()
    assert secret not in str(admin_client.cookies)


def test_a_key_needs_a_scope(admin_client: Client) -> None:
    page = admin_client.post("/admin/services/apikey/add/", {"name": "mobile app"})
    assert page.context["adminform"].form.errors == {"scopes": ["This field is required."]}
    assert not ApiKey.objects.exists()


def test_a_key_for_web_pages_shows_the_script_that_goes_there(admin_client: Client) -> None:
    service = make_service()
    sent = {"name": "shop", "scopes": ["start"], "limited_to": [service.pk], "is_public": "on"}
    admin_client.post(reverse("admin:services_apikey_add"), sent)
    key = ApiKey.objects.get()
    assert (key.is_public, key.requests_a_minute, key.public_text[:8]) == (True, 30, key.prefix)
    page = admin_client.get(reverse("admin:services_apikey_change", args=[key.pk])).content.decode()
    script = f'src="/static/widget/callbacksite.js" data-service="{service.name}" data-key="{key.public_text}"'
    assert script in html.unescape(page)


def test_a_key_can_be_changed_and_revoked_but_not_revived(admin_client: Client) -> None:
    api_key, text = ApiKey.objects.create_key(name="mobile app", scopes=["start"])
    url = reverse("admin:services_apikey_change", args=[api_key.pk])
    sent = {"name": "app", "scopes": ["query"], "expires_at_0": "2030-01-01", "expires_at_1": "00:00:00"}
    assert admin_client.post(url, sent).status_code == 302
    changed = ApiKey.objects.get_from_key(text, datetime(2029, 12, 31, tzinfo=UTC))
    assert (changed.name, changed.scopes) == ("app", ["query"])
    assert changed.expires_at == datetime(2030, 1, 1, tzinfo=UTC)

    selected = {"action": "revoke", "_selected_action": [api_key.pk]}
    admin_client.post("/admin/services/apikey/", selected)
    with pytest.raises(ApiKey.DoesNotExist):
        ApiKey.objects.get_from_key(text, datetime(2029, 12, 31, tzinfo=UTC))
    page = admin_client.post(url, sent)
    assert page.context["adminform"].form.errors == {
        "revoked": ["A revoked key cannot be made valid again. Create a new one."]
    }
    api_key.refresh_from_db()
    assert api_key.revoked
