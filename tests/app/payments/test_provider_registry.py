"""Which providers an installation can talk to, and what stops it at the start."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from app.core.clock import system_clock
from app.core.settings import InvalidSettings, load_settings
from app.payments.providers.alipay import Alipay
from app.payments.providers.registry import providers_of
from tests.factories.fakepay import Bench, bench_in

GOOD = {
    "DATABASE_URL": "postgresql://u@h/d",
    "FUJIN_SECRET_KEY": "0123456789abcdef" * 2,
    "FUJIN_CODE_PEPPER": "f0e1d2c3b4a59687" * 2,
    "FUJIN_PUBLIC_URL": "https://fujin.example",
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench_in(tmp_path_factory.mktemp("keys"))


def found(environment: dict[str, str]) -> dict[str, Any]:
    no_database: Any = None  # the wallet asks for it when it is used
    return dict(providers_of(load_settings({**GOOD, **environment}), no_database, system_clock))


def test_without_settings_there_are_the_two_that_need_none() -> None:
    assert sorted(found({})) == ["cash", "test_wallet"]


def test_what_is_set_up_can_be_asked_also_when_it_is_not_on_offer(bench: Bench) -> None:
    given = bench.settings("http://127.0.0.1:8090") | {"FUJIN_PROVIDERS": "cash"}
    there = found(given)
    assert sorted(there) == ["alipay", "cash", "stripe", "test_wallet"]
    account = cast(Alipay, there["alipay"])._account
    assert account.notify_url == "https://fujin.example/v1/providers/alipay/notify"
    assert account.url == "http://127.0.0.1:8090/gateway.do"


def test_nothing_secret_stands_in_what_may_be_shown(bench: Bench) -> None:
    there = found(bench.settings("http://127.0.0.1:8090"))
    shown = repr([vars(each) for each in there.values()]) + repr(bench.keys.stripe)
    assert bench.keys.stripe.key not in shown
    assert bench.keys.stripe.webhook_secret not in shown


@pytest.mark.parametrize("variable", ["FUJIN_ALIPAY_KEY_FILE", "FUJIN_ALIPAY_PUBLIC_KEY_FILE"])
@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "can't be read"),
        ("", "holds no"),
        ("no key", "holds no"),
        ("-----BEGIN RSA PRIVATE KEY-----", "holds no"),
    ],
)
def test_a_key_that_cannot_be_read_stops_the_start_and_says_which(
    bench: Bench, tmp_path: Path, variable: str, text: str | None, says: str
) -> None:
    file = tmp_path / "key.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InvalidSettings) as caught:
        found(bench.settings("http://127.0.0.1:8090") | {variable: str(file)})
    assert variable in str(caught.value)
    assert says in str(caught.value)
