"""The one place where exceptions become problems: ours, the framework's, the database's, and everything else."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

import sqlalchemy.exc
from flask import Flask, Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from app.core.db import DeadlineExceeded
from app.core.errors import AppError, Unavailable
from app.http.problems import BY_STATUS, PROBLEMS, problem_response, request_id

log = logging.getLogger("fujin.http")

# SQLSTATE classes that mean "later": lost or refused connections, shutdown, resources, locks, time limits, conflicts
_LATER = ("08", "53", "57P", "55P03", "57014", "25P03", "40001", "40P01", "25006")


class FrameworkProblem(AppError):
    """An exception of the web framework, by its status number."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.__dict__["code"] = code

    code: ClassVar[str] = "bad-request"


def is_temporary(error: sqlalchemy.exc.SQLAlchemyError) -> bool:
    """True when the database may well answer the same request later."""
    if isinstance(error, sqlalchemy.exc.TimeoutError):
        return True
    if not isinstance(error, sqlalchemy.exc.DBAPIError):
        return False
    if isinstance(error.orig, DeadlineExceeded) or error.connection_invalidated:
        return True
    state = getattr(error.orig, "pgcode", None)
    if state is None:
        # A plain DatabaseError without a state: the connection was cut in the middle of an answer.
        lost = (sqlalchemy.exc.OperationalError, sqlalchemy.exc.InterfaceError)
        return isinstance(error, lost) or type(error) is sqlalchemy.exc.DatabaseError
    return any(str(state).startswith(prefix) for prefix in _LATER)


def register_error_handlers(app: Flask) -> None:
    """All answers that are not an Answer are problems."""

    @app.errorhandler(AppError)
    def refused(error: AppError) -> Response:
        return problem_response(error)

    @app.errorhandler(HTTPException)
    def framework(error: HTTPException) -> Response:
        if error.code is not None and error.code < 400:
            return error.get_response()  # type: ignore[return-value]
        status = error.code or 500
        code = BY_STATUS.get(status, "bad-request" if status < 500 else "internal-error")
        response = problem_response(FrameworkProblem(code, PROBLEMS[code].title))
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        for name, value in error.get_headers():
            if name == "Retry-After":
                response.headers[name] = value
        return response

    @app.errorhandler(sqlalchemy.exc.SQLAlchemyError)
    def database(error: sqlalchemy.exc.SQLAlchemyError) -> Response:
        if is_temporary(error):
            log.warning("database unavailable", extra={"reason": type(error).__name__, "request_id": request_id()})
            return problem_response(Unavailable("the database does not answer; try again shortly", retry_after_s=1))
        return unexpected(error)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        log.error("unexpected error", exc_info=_without_parameters(error), extra={"request_id": request_id()})
        return problem_response(AppError())


def _without_parameters(error: Exception) -> Any:
    if isinstance(error, sqlalchemy.exc.StatementError):
        error.hide_parameters = True
    return (type(error), error, error.__traceback__)
