"""What sign-in works with, put together once: the issuer, the pepper, the gateway, and who knows of employment."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from app.core.settings import Settings
from app.http.principals import Role
from app.members.hashing import Pepper
from app.members.issuer import Issuer
from app.members.otp_gateway import FileGateway, OtpGateway
from app.members.rules import roles_held
from app.members.types import EmploymentLookup, Standing


@dataclass(frozen=True, slots=True)
class SignInParts:
    """``elsewhere`` names the other issuer, where people's tokens come from one."""

    issuer: Issuer
    pepper: Pepper
    gateway: OtpGateway
    employment: EmploymentLookup
    elsewhere: str | None = None

    def held_by(self, conn: Connection, member_id: UUID, standing: Standing) -> tuple[Role, ...]:
        """Every role that an active member holds, highest first."""
        return roles_held(standing, self.employment(conn, member_id))


def sign_in_parts(settings: Settings, employment: EmploymentLookup, elsewhere: str | None = None) -> SignInParts:
    """The parts as the settings say; nothing is read or written yet."""
    return SignInParts(
        issuer=Issuer(settings),
        pepper=Pepper(settings.code_pepper.encode()),
        gateway=FileGateway(settings.state_dir),
        employment=employment,
        elsewhere=elsewhere,
    )
