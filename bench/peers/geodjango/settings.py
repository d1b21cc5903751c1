"""Settings of the GeoDjango peer: JSON only, no middleware, sessions or sign-in, connections that stay open.

The database is libpq's own: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE.
"""

import os

SECRET_KEY = "a peer of a benchmark signs nothing"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["django.contrib.gis", "rest_framework", "rest_framework_gis", "places"]
MIDDLEWARE: list[str] = []
USE_TZ = True
DATABASES = {
    "default": {
        "ENGINE": "django.contrib.gis.db.backends.postgis",
        "NAME": os.environ["PGDATABASE"],
        "CONN_MAX_AGE": None,
        "OPTIONS": {"options": "-c search_path=peers,public"},
    }
}
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
}
