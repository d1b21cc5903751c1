"""The nearest places with their coupons as a GeoJSON collection: two statements a request, three with hours."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.gis.db.models.functions import Distance, GeometryDistance
from django.contrib.gis.geos import Point
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.generics import ListAPIView
from rest_framework_gis.serializers import GeoFeatureModelSerializer

from places.models import Coupon, Hours, OpenSpan, Place, PlaceCoupon


class NearbyQuery(serializers.Serializer[Any]):
    """The query string; ``order`` is ``distance`` (the documented way) or ``knn`` (through the index)."""

    lat = serializers.FloatField(min_value=-90, max_value=90)
    lon = serializers.FloatField(min_value=-180, max_value=180)
    radius_m = serializers.FloatField(min_value=1, max_value=50_000)
    category = serializers.CharField(required=False)
    open_now = serializers.BooleanField(default=False)
    has_coupon = serializers.BooleanField(default=False)
    order = serializers.ChoiceField(["distance", "knn"], default="distance")
    limit = serializers.IntegerField(min_value=1, max_value=100, default=20)


class CouponSerializer(serializers.ModelSerializer[Coupon]):
    """A coupon as a place lists it."""

    class Meta:
        model = Coupon
        fields = ("id", "kind", "title")


class PlaceSerializer(GeoFeatureModelSerializer):
    """A place as a GeoJSON feature."""

    distance_m = serializers.FloatField(source="distance.m")
    coupons = CouponSerializer(many=True, source="live_coupons")

    class Meta:
        model = Place
        geo_field = "location"
        fields = ("id", "name", "category", "distance_m", "coupons")


class NearbyView(ListAPIView):
    """``GET /places/nearby``."""

    serializer_class = PlaceSerializer
    pagination_class = None

    def get_queryset(self) -> QuerySet[Place]:
        """Places within the radius, nearest first, ties by id."""
        query = NearbyQuery(data=self.request.query_params)
        query.is_valid(raise_exception=True)
        asked, now = query.validated_data, timezone.now()
        point = Point(asked["lon"], asked["lat"], srid=4326)
        live = Q(claim_from__lte=now, claim_until__gt=now)
        found = (
            Place.objects.filter(location__dwithin=(point, asked["radius_m"]))
            .annotate(distance=Distance("location", point))
            .prefetch_related(Prefetch("coupons", Coupon.objects.filter(live), to_attr="live_coupons"))
        )
        if "category" in asked:
            found = found.filter(category=asked["category"])
        if asked["has_coupon"]:
            of_place = PlaceCoupon.objects.filter(place=OuterRef("pk"))
            claimable = of_place.filter(coupon__claim_from__lte=now, coupon__claim_until__gt=now)
            found = found.filter(Exists(claimable))
        if asked["open_now"]:
            found = found.filter(hours__in=open_hours(now))
        nearest = "distance" if asked["order"] == "distance" else GeometryDistance("location", point)
        return found.order_by(nearest, "id")[: asked["limit"]]


def open_hours(now: datetime) -> QuerySet[OpenSpan]:
    """Ids of the hours that are open now, each in its own time zone."""
    spans = Q()
    for name in time_zones():
        here = now.astimezone(ZoneInfo(name))
        minute = here.weekday() * 1440 + here.hour * 60 + here.minute
        spans |= Q(hours__time_zone=name, starts__lte=minute, ends__gt=minute)
    return OpenSpan.objects.filter(spans).values("hours")


@cache
def time_zones() -> list[str]:
    """Every time zone that places have; read once a process."""
    return list(Hours.objects.values_list("time_zone", flat=True).distinct())
