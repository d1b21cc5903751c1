"""fakepay as a program: scenarios that repeat, faults that are told, an address that nobody else reaches."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.payments.fakepay.desk import Fakepay
from app.payments.fakepay.scenario import BadScenario, Scenario, Step, scenario_of
from app.payments.fakepay.server import NotLoopback, Server
from app.payments.providers.alipay import Alipay
from app.payments.providers.calling import Call, CallFailed, over_http
from app.payments.types import Paid, Silent
from tests.factories.fakepay import Bench, asked, bench_in, listening, now, order


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench_in(tmp_path_factory.mktemp("keys"), "http://127.0.0.1/n")


STEPS = """{"seed": %d, "reorder": true, "steps": [
  {"on": "pay", "times": 0, "chance": 0.3, "outcome": "decline"},
  {"on": "pay", "times": 0, "chance": 0.3, "do": "lose"},
  {"on": "pay", "times": 0, "chance": 0.5, "outcome": "wait", "settles_after_s": 5, "copies": 2}
]}"""


def played(bench: Bench, seed: int) -> tuple[list[str], list[dict[str, Any]], list[str]]:
    """What 30 payments are answered, what stands in the books, and in which order notices go out."""
    bench.fakepay.play(scenario_of((STEPS % seed).encode()), first=0)
    answers = [repr(bench.alipay.pay(order(f"o{number}"))) for number in range(30)]
    bench.fakepay.advance(10)
    sent: list[str] = []
    bench.fakepay.deliver(
        lambda call: sent.append(dict(p.split("=") for p in call.body.decode().split("&"))["out_trade_no"]) or True
    )
    return answers, bench.fakepay.state(), sent


def test_the_same_seed_is_the_same_run_and_another_one_is_not(bench: Bench) -> None:
    first = played(bench, 7)
    assert played(bench, 7) == first
    assert played(bench, 8) != first
    assert len({answer.split("(")[0] for answer in first[0]}) == 4  # paid, waiting, declined, silent
    assert sorted(first[2]) != first[2]


def test_a_notice_that_is_not_taken_is_sent_again_later(bench: Bench) -> None:
    bench.play(Step(copies=3))
    bench.alipay.pay(order())
    tries: list[Call] = []
    assert bench.fakepay.deliver(lambda call: tries.append(call) or False) == 1  # type: ignore[func-returns-value]
    assert len(tries) == 3
    assert bench.fakepay.deliver(lambda _: True) == 0
    bench.fakepay.advance(3)
    assert bench.fakepay.deliver(lambda _: True) == 1


def test_nobody_outside_this_machine_is_told_anything(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.play()
    bench.alipay.pay(order())
    bench.fakepay.trade("o1").notify_url = "https://example.com/notify"
    monkeypatch.setattr("app.payments.fakepay.desk.over_http", lambda *_: pytest.fail("it was sent"))
    assert bench.fakepay.deliver() == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "no JSON"),
        ("[]", "must be an object"),
        ('{"stpes": []}', "has no member 'stpes'; it knows reorder, seed, steps"),
        ('{"seed": "1"}', "seed must be a whole number"),
        ('{"reorder": 1}', "reorder must be true or false"),
        ('{"steps": {}}', "steps must be a list"),
        ('{"steps": [1]}', "steps/0 must be an object"),
        ('{"steps": [{}, {"do": "explode"}]}', "steps/1/do must be one of answer, drop"),
        ('{"steps": [{"on": "paying"}]}', "steps/0/on must be one of open, pay"),
        ('{"steps": [{"delay": 1}]}', "steps/0 has no member 'delay'"),
        ('{"steps": [{"chance": 1.5}]}', "steps/0/chance must be a number from 0 to 1"),
        ('{"steps": [{"times": 1.5}]}', "steps/0/times must be a whole number from 0 to"),
        ('{"steps": [{"delay_s": true}]}', "steps/0/delay_s must be a number"),
        ('{"steps": [{"notice_wrong_amount": "yes"}]}', "steps/0/notice_wrong_amount must be true or false"),
    ],
)
def test_a_scenario_that_is_wrong_says_where_and_what_is_right(text: str, says: str) -> None:
    with pytest.raises(BadScenario, match=says.replace("[", r"\[").replace("]", r"\]")):
        scenario_of(text.encode())


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com", "10.0.0.1", ""])
def test_it_refuses_to_listen_where_others_can_reach_it(bench: Bench, host: str) -> None:
    with pytest.raises(NotLoopback, match="this machine alone"):
        Server(bench.fakepay, host, 0)


def control(url: str, what: str, body: object = None, **headers: str) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/_fakepay/{what}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.read().decode()


def test_it_is_steered_over_its_socket(bench: Bench, tmp_path: Path) -> None:
    bench.play()
    with listening(bench.fakepay) as url:
        account = bench.alipay._account
        adapter = Alipay(
            type(account)(
                account.app_id, account.seller_id, account.key, account.alipay_key, f"{url}/gateway.do", f"{url}/n"
            ),
            now,
        )
        assert control(url, "scenario", {"steps": [{"outcome": "wait"}, {"do": "lose"}]}) == (200, {"steps": 2})
        adapter.pay(order("o1"))
        assert control(url, "act", {"trade": "o1", "do": "pay"}) == (200, {"trade": "o1", "state": "paid"})
        assert isinstance(adapter.pay(order("o2")), Silent)
        assert isinstance(adapter.query(asked("o2")), Paid)
        status, told = control(url, "state")
        assert (status, [trade["state"] for trade in told["trades"]]) == (200, ["paid", "paid"])
        assert control(url, "advance", {"seconds": 60})[0] == 200
        assert control(url, "act", {"trade": "o9", "do": "pay"})[0] == 400
        assert control(url, "act", {"trade": "o1", "do": "steal"})[0] == 400
        assert control(url, "elsewhere")[0] == 400
        assert control(url, "scenario", {"steps": [{"do": "x"}]})[0] == 400
        assert control(url, "state", Host="evil.example")[0] == 403
        connection = http.client.HTTPConnection(urlsplit(url).netloc)
        connection.request("POST", "/gateway.do", headers={"Content-Length": "99999999"})
        assert connection.getresponse().status == 413
        connection.close()


def test_a_call_ends_in_its_time_however_slowly_the_other_side_drips(bench: Bench) -> None:
    import socket
    import threading

    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip() -> None:
        with listener.accept()[0] as wire:
            wire.recv(1000)
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000:
                if stop.wait(0.02):
                    return
                try:
                    wire.sendall(bytes([byte]))
                except OSError:
                    return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    with pytest.raises(CallFailed, match="in time"):  # its thousand bytes take 20 s
        over_http(Call("GET", f"http://127.0.0.1:{listener.getsockname()[1]}/", {}, b""), 0.3)
    assert thread.is_alive(), "it was given up before its end"
    stop.set()
    thread.join()
    listener.close()


def test_what_cannot_be_reached_or_read_fails_as_silence(bench: Bench) -> None:
    for url in ("http://127.0.0.1:1/", "http://[::1", "https://127.0.0.1:1/"):
        with pytest.raises(CallFailed):
            over_http(Call("GET", url, {}, b""), 1)


def test_a_name_server_that_does_not_answer_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(host: str, port: int) -> Sequence[str]:
        raise OSError("the name servers do not answer")

    monkeypatch.setattr("app.payments.providers.calling.impatient_lookup", never)
    with pytest.raises(CallFailed, match="OSError"):
        over_http(Call("GET", "https://provider.example/", {}, b""), 1)


def test_requests_that_are_not_good_are_refused_in_the_dialects_words(bench: Bench) -> None:
    bench.play()
    bench.alipay.pay(order())
    good = bench.calls[-1]

    def told(call: Call) -> Any:
        reply = bench.fakepay.handle(call)
        assert reply is not None
        return json.loads(reply.body)

    changed = Call("POST", good.url, {}, good.body.replace(b"40.00", b"40.01"))
    assert told(changed)["alipay_trade_pay_response"]["sub_code"] == "isv.invalid-signature"
    other = Call("POST", good.url.replace("2026000000000001", "2026000000000002"), {}, good.body)
    assert told(other)["alipay_trade_pay_response"]["sub_code"] == "isv.invalid-app-id"
    assert told(Call("GET", "/v1/payment_intents/x", {}, b""))["error"]["message"] == "fakepay: no such key"
    assert Fakepay(bench.keys, Scenario()).state() == []
