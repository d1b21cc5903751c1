"""Words of configuration that schemathesis runs with."""

from __future__ import annotations

# Refusals besides schemathesis' own lists: 412 and 428 are what If-Match can meet. What well-formed data meets with 409
# is not on its list here, so that the hooks have to name it.
CONFIG = """
hooks = "tests.flows.schemathesis_hooks"
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 412, 415, 422, 428, 429]
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 401, 403, 404, 429, "5xx"]
[checks.missing_required_header]
expected-statuses = [400, 401, 403, 406, 415, 422, 428]
"""
# Signing out ends the token that it is called with, so it gets one of its own.
SIGN_OUT = """
[[operations]]
include-operation-id = "sign_out"
headers = {{ Authorization = "Bearer {token}" }}
"""
# Of a part of the operations only what must work is called, where another principal's run goes through them.
EXAMPLES_ALONE = """
[[operations]]
include-operation-id = {operation_ids}
phases.coverage.enabled = false
phases.fuzzing.enabled = false
"""
