"""The product's URLs, and a bare view that does what a start cannot do without: read a body, insert one row, answer."""

from __future__ import annotations

import uuid

from django.urls import include, path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.decorators import api_view, permission_classes
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from scheduling.models import Timer


class BareSerializer(serializers.Serializer[Timer]):
    _customer_number = serializers.CharField()

    def create(self, validated_data: dict[str, str]) -> Timer:
        return Timer.objects.create(
            owner=str(uuid.uuid4()), name="bare", due_at=timezone.now(), data={"number": validated_data}
        )


@api_view(["POST"])
@permission_classes([AllowAny])
def bare(request: Request) -> Response:
    serializer = BareSerializer(data=request.data)
    serializer.is_valid(raise_exception=True)
    return Response({"_id": serializer.save().owner})


urlpatterns = [path("bare", bare), path("", include("callbacksite.urls"))]
