"""The peers' tables (``bench/peers/tables.sql``)."""

from django.contrib.gis.db import models


class Hours(models.Model):
    """One way of being open, in a time zone."""

    time_zone = models.TextField()
    opening_hours = models.TextField()

    class Meta:
        managed = False
        db_table = "hours"


class OpenSpan(models.Model):
    """Minutes of a week from Monday 00:00, half-open."""

    hours = models.ForeignKey(Hours, models.CASCADE)
    starts = models.IntegerField()
    ends = models.IntegerField()

    class Meta:
        managed = False
        db_table = "open_span"


class Coupon(models.Model):
    """A coupon with the time in which it can be claimed."""

    id = models.UUIDField(primary_key=True)
    kind = models.TextField()
    title = models.TextField()
    claim_from = models.DateTimeField()
    claim_until = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "coupon"


class Place(models.Model):
    """A point of business."""

    id = models.UUIDField(primary_key=True)
    name = models.TextField()
    category = models.TextField()
    hours = models.ForeignKey(Hours, models.CASCADE, null=True)
    location = models.PointField(geography=True, srid=4326)
    coupons = models.ManyToManyField(Coupon, through="PlaceCoupon")

    class Meta:
        managed = False
        db_table = "place"


class PlaceCoupon(models.Model):
    """Where a coupon can be used."""

    place = models.ForeignKey(Place, models.CASCADE)
    coupon = models.ForeignKey(Coupon, models.CASCADE)

    class Meta:
        managed = False
        db_table = "place_coupon"
