"""The second start line: gunicorn -c gunicorn.conf.py wsgi:app.

Sizes follow the app: a pool of eight connections a process, bodies limited by the app itself.
"""

import os
from typing import Any

from app.core.processes import end_with_parent

bind = os.environ.get("FUJIN_BIND", "127.0.0.1:8000")
worker_class = "gthread"
workers = int(os.environ.get("FUJIN_WORKERS", "2"))
threads = 8
backlog = 1024

# A request that takes longer than any statement may take is stuck; its worker is replaced.
timeout = 30
graceful_timeout = 10
keepalive = 5

# Heartbeat files on memory: on a busy disk a healthy worker could look dead.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108 - gunicorn makes the names

limit_request_line = 8190
limit_request_fields = 64
limit_request_field_size = 8190

# Without this line gunicorn opens a control socket in the home folder, which two copies would share.
no_control_socket = True

# The app writes its own request log.
accesslog = None
errorlog = "-"
loglevel = "warning"


def post_fork(_server: Any, _worker: Any) -> None:
    """In each worker, before it loads the application."""
    end_with_parent()
