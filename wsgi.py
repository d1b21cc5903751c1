"""The WSGI application, from the environment's settings."""

import gc

gc.disable()  # what loading makes stays: to look through it for garbage again and again took a third of the time

from app.core.settings import load_settings  # noqa: E402
from app.factory import create_app  # noqa: E402

app = create_app(load_settings())
gc.freeze()
gc.enable()
