"""The one route of the peer."""

from django.urls import path
from places.api import NearbyView

urlpatterns = [path("places/nearby", NearbyView.as_view())]
