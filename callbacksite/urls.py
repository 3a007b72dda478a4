from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from callbacks.demo_views import page as demo_page
from callbacks.pages import account, agents, calendar, pauses, reports, what_if
from callbacks.pages.board import board
from callbacks.push.views import answer
from callbacks.status.views import notifications, resend
from callbacks.views import SignIn, home, queue_estimates

admin.site.site_header = admin.site.site_title = "Callbacksite administration"

urlpatterns = [
    path("", home, name="home"),
    path("login/", SignIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("account/", account.account, name="account"),
    path("account/password/", account.ChangePassword.as_view(), name="password-change"),
    path("account/lost-password/", account.lost_password, name="password-reset"),
    path("account/lost-password/sent/", account.lost_password_sent, name="password-reset-sent"),
    path("account/new-password/<uidb64>/<token>/", account.NewPassword.as_view(), name="password-reset-confirm"),
    path("board/", board, name="board"),
    path("agents/", agents.listed, name="agents"),
    path("agents/<int:agent_id>/", agents.one, name="agent"),
    path("agents/<int:agent_id>/state/", agents.force, name="agent-force"),
    path("agents/<int:agent_id>/release/", agents.release, name="agent-release"),
    path("callbacks/", include("callbacks.urls")),
    path("jobs/", include("callbacks.jobs.urls")),
    path("a/<str:callback_id>/<str:signature>/", answer, name="answer"),
    path("calendar/", calendar.calendar, name="calendar"),
    path("calendar/block/", calendar.block, name="calendar-block"),
    path("calendar/unblock/", calendar.unblock, name="calendar-unblock"),
    path("pauses/", pauses.pauses, name="pauses"),
    path("pauses/banner/", pauses.watch, name="pauses-banner"),
    path("pauses/ask/", pauses.ask, name="pauses-ask"),
    path("pauses/pause/", pauses.pause, name="pauses-pause"),
    path("pauses/resume/", pauses.resume, name="pauses-resume"),
    path("reports/", reports.reports, name="reports"),
    path("reports/callbacks.csv", reports.facts, name="reports-facts"),
    path("reports/<slug:name>.csv", reports.table, name="reports-table"),
    path("what-if/", what_if.page, name="what-if"),
    path("estimates/", queue_estimates, name="estimates"),
    path("notifications/", notifications, name="notifications"),
    path("notifications/resend/", resend, name="notifications-resend"),
    path("desk/", include("telephony.urls")),
    path("demo/", demo_page, name="demo-page"),
    path("admin/", admin.site.urls),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(template_name="api_docs.html"), name="api-docs"),
    # Last: below the base path everything is answered as the wire contract says, also what is not there.
    path(f"{settings.API_BASE_PATH}/", include("callbacks.api.urls")),
]

handler400 = "callbacks.api.errors.bad_request"
handler500 = "callbacks.api.errors.server_error"
