"""Signing keys: made once, private, several verify, the newest signs."""

from __future__ import annotations

import base64
import hashlib
import json
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from joserfc import jws

from app.members.issuer import KeyFolderError, SigningKeys

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def test_first_use_makes_one_private_key(tmp_path: Path) -> None:
    keys = SigningKeys(tmp_path / "state" / "keys")
    first = keys.newest()
    files = list((tmp_path / "state" / "keys").iterdir())
    assert len(files) == 1
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    assert stat.S_IMODE(files[0].parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(files[0].parent.parent.stat().st_mode) == 0o700
    assert SigningKeys(tmp_path / "state" / "keys").newest().kid == first.kid


def test_processes_starting_at_once_agree_on_one_key(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from app.members.issuer import SigningKeys;"
        "sys.stdin.readline(); print(SigningKeys(Path(sys.argv[1])).newest().kid)"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "keys")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    kids = {process.communicate(timeout=60)[0].strip() for process in started}
    assert len(kids) == 1
    assert len(list((tmp_path / "keys").iterdir())) == 1


def test_key_id_is_the_thumbprint_of_rfc_7638(tmp_path: Path) -> None:
    key = SigningKeys(tmp_path / "keys").newest()
    public = key.as_dict(private=False)
    canonical = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": public["x"]}, separators=(",", ":"))
    digest = hashlib.sha256(canonical.encode()).digest()
    assert key.kid == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def test_after_rotation_the_old_key_verifies_and_the_new_one_signs(tmp_path: Path) -> None:
    running = SigningKeys(tmp_path / "keys")
    old = running.newest()
    new = SigningKeys(tmp_path / "keys").rotate()  # another process rotates
    assert new.kid != old.kid
    assert running.newest().kid == new.kid
    assert running.by_kid(str(old.kid)) is not None
    (next(path for path in (tmp_path / "keys").iterdir() if str(old.kid) in path.name)).unlink()
    assert running.by_kid(str(old.kid)) is None


def test_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    SigningKeys(tmp_path / "keys").newest()
    file = next((tmp_path / "keys").iterdir())
    file.chmod(0o644)
    with pytest.raises(KeyFolderError, match="chmod 600"):
        SigningKeys(tmp_path / "keys").newest()


def test_key_under_another_name_than_its_thumbprint_is_refused(tmp_path: Path) -> None:
    SigningKeys(tmp_path / "keys").newest()
    file = next((tmp_path / "keys").iterdir())
    file.write_text(json.dumps(json.loads(file.read_text()) | {"kid": "mine"}))
    with pytest.raises(KeyFolderError):
        SigningKeys(tmp_path / "keys").newest()


def test_algorithm_is_known_by_its_full_name() -> None:
    # RFC 9864 registers Ed25519; the older polymorphic EdDSA is not among the algorithms that keys are good for
    assert "Ed25519" in jws.JWSRegistry.algorithms
