"""The WSGI application, from the environment's settings."""

from app.core.settings import load_settings
from app.factory import create_app

app = create_app(load_settings())
