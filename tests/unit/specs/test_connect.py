"""How a host is reached."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.specs.connect import NotAConnection, parse_connect
from reconciler.specs.desired import Connect, Scheme


@pytest.mark.parametrize(
    ("text", "user", "address", "port"),
    [
        ("ssh://hv1", None, "hv1", None),
        ("ssh://ops@hv1.example/", "ops", "hv1.example", None),
        ("ssh://ops@10.0.0.1:2222", "ops", "10.0.0.1", 2222),
        ("ssh://[fe80::1]:22", None, "fe80::1", 22),
    ],
)
def test_ssh_names_user_host_and_port(text: str, user: str | None, address: str, port: int | None) -> None:
    assert parse_connect(text) == Connect(Scheme.SSH, text, user=user, address=address, port=port)


@pytest.mark.parametrize(
    ("text", "scheme"),
    [("qemu:///system", Scheme.QEMU), ("test:///default", Scheme.TEST), ("sim://", Scheme.SIM)],
)
def test_local_platforms_have_one_form_each(text: str, scheme: Scheme) -> None:
    assert parse_connect(text) == Connect(scheme, text)


def test_socket_of_the_local_daemon_may_be_named() -> None:
    assert parse_connect("qemu:///system?socket=/run/other").socket == "/run/other"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("qemu+ssh://root@hv1/system", "write ssh://root@hv1"),
        ("hv1.example", "write ssh://hv1.example"),
        ("qemu://hv1/system", "write ssh://hv1 for a remote host"),
        ("qemu:///session", "write qemu:///system"),
        ("sim://here", "write sim://"),
        ("sim://?socket=/x", "sim:// has none"),
        ("ssh://hv1?key=x", "known are keyfile, known_hosts, socket"),
        ("ssh://hv1?keyfile=a#b", "write '#' in a path as %23"),
        ("ssh://hv1/system", "write ssh://hv1 (the system's libvirtd is meant)"),
    ],
)
def test_what_was_probably_meant_is_suggested(text: str, hint: str) -> None:
    with pytest.raises(NotAConnection) as refused:
        parse_connect(text)
    assert refused.value.hint == hint


@pytest.mark.parametrize(
    "text",
    [
        "ssh://-oProxyCommand=x",
        "ssh://-l@hv1",
        "ssh://@hv1",
        "ssh://a:b@hv1",
        "ssh://hv1:0",
        "ssh://hv1:99999",
        "ssh://hv1:x",
        "ssh://[::1",
        "ssh://h\tv1",
        "ssh://hv1?keyfile=%00",
        "ssh://h;v",
        "ssh://",
        "",
    ],
)
def test_unsafe_or_incomplete_connection_is_refused(text: str) -> None:
    with pytest.raises(NotAConnection):
        parse_connect(text)


@given(st.text() | st.text(alphabet="/:@?&=#[]%.-ab0 ").map(lambda rest: f"ssh://{rest}"))
def test_any_text_is_a_connection_or_is_refused(text: str) -> None:
    try:
        connect = parse_connect(text)
    except NotAConnection:
        return
    assert not (connect.address or "").startswith("-")
    assert not (connect.user or "").startswith("-")
