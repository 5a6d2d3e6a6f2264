"""What may stand in `origins_allowed` and `hosts_allowed`, and which origins it matches."""

from __future__ import annotations

import pytest

from guestd.api.origin_patterns import OriginPatterns, host_entry, origin_entry
from guestd.app.config_problems import ConfigProblems
from guestd.app.load_config import load_config


@pytest.mark.parametrize(
    ("entry", "matching", "others"),
    [
        (
            "https://dev.example.org",
            ["https://dev.example.org", "https://Dev.Example.org"],
            ["http://dev.example.org", "https://dev.example.org:8443", "https://example.org"],
        ),
        ("https://dev.example.org:443/", ["https://dev.example.org"], []),
        (
            "https://*.example.org",
            ["https://a.example.org", "https://b.example.org"],
            [
                "https://example.org",
                "https://a.b.example.org",
                "https://a.example.org.evil.com",
                "https://evil.com/.example.org",
                "https://.example.org",
                "https://evilexample.org",
                "http://a.example.org",
                "https://a.example.org:8443",
            ],
        ),
        ("https://*.example.org:8443", ["https://a.example.org:8443"], ["https://a.example.org"]),
        ("null", ["null", "file://"], ["https://null", ""]),
        ("capacitor://localhost", ["capacitor://localhost"], ["ionic://localhost"]),
        ("vscode-webview://1h8k", ["vscode-webview://1h8k"], ["vscode-webview://other"]),
        ("vscode-webview://*", ["vscode-webview://other"], ["https://other", "x://other"]),
        (
            "http://192.168.1.5:5173",
            ["http://192.168.1.5:5173"],
            ["http://192.168.1.5", "http://192.168.1.6:5173"],
        ),
        ("http://[FD00:0::1]:5173", ["http://[fd00::1]:5173"], []),
        ("http://raspberrypi:3000", ["http://raspberrypi:3000"], []),
    ],
)
def test_an_entry_matches_what_it_says(entry, matching, others):
    patterns = OriginPatterns([entry])
    assert all(patterns.match(one) for one in matching)
    assert not any(patterns.match(one) for one in [*others, "", "*", "null:", "http://["])


@pytest.mark.parametrize(
    ("entry", "remedy"),
    [
        ("*", "https://*.example.org"),
        ("", "write https://"),
        ("file://", 'write "null"'),
        ("file:///home/ana/page.html", 'write "null"'),
        ("dev.example.org", "write https://dev.example.org"),
        ("192.168.1.5:5173", "write http://192.168.1.5:5173"),
        ("wss://dev.example.org", "write https://dev.example.org"),
        ("https://dev.example.org/app", "write https://dev.example.org"),
        ("https://ana@dev.example.org", "write https://dev.example.org"),
        ("https://dev.example.org?x", "write https://dev.example.org"),
        ("*://dev.example.org", "an entry for each"),
        ("https://*", "https://*.example.org"),
        ("https://*.org", "a domain of yours"),
        ("https://*.1.5", "a domain of yours"),
        ("https://dev.*.org", "https://*.example.org"),
        ("https://dev*.example.org", "https://*.example.org"),
        ("https://", "has no host"),
        ("capacitor://", "capacitor://localhost"),
        ("http://192.168.1", "192.168.1.5"),
        ("http://[fd00::1", "192.168.1.5"),
        ("http://localhost:*", "leave it out"),
        ("http://dev.example.org:*", "an entry for each"),
        ("http://dev.example.org:99999", "an entry for each"),
        ("https://münchen.example.org", "https://xn--mnchen-3ya.example.org"),
    ],
)
def test_an_entry_that_never_matches_is_refused_with_what_to_write(entry, remedy):
    with pytest.raises(ValueError) as refused:
        origin_entry(entry)
    assert remedy in str(refused.value)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("Guestd", "guestd"), ("[fd00::1]", "fd00::1"), ("192.168.1.5", "192.168.1.5")],
)
def test_a_host_is_a_name_or_an_address(given, kept):
    assert host_entry(given) == kept


@pytest.mark.parametrize(
    ("given", "remedy"),
    [
        ("http://guestd", "write guestd"),
        ("guestd:3000", "write guestd"),
        ("guestd/path", "write guestd"),
        ("*", "without *"),
        ("*.example.org", "without *"),
        ("", "such as"),
    ],
)
def test_a_host_that_never_matches_is_refused_with_what_to_write(given, remedy):
    with pytest.raises(ValueError) as refused:
        host_entry(given)
    assert remedy in str(refused.value)


def test_reading_the_configuration_says_it_with_the_key(tmp_path):
    path = tmp_path / "guestd.toml"
    path.write_text('[simulator]\norigins_allowed = ["*", "null"]\nhosts_allowed = ["guestd:1"]\n')
    with pytest.raises(ConfigProblems) as refused:
        load_config(path, {})
    first, second = refused.value.problems
    assert "simulator.origins_allowed[0]: '*' would let every page in" in first
    assert "simulator.hosts_allowed[0]: 'guestd:1' never matches" in second


def test_the_forms_that_are_documented_are_taken(tmp_path):
    entries = ["null", "https://*.example.org", "capacitor://localhost", "http://192.168.1.5:5173"]
    path = tmp_path / "guestd.toml"
    path.write_text(f"[simulator]\norigins_allowed = {entries}\n")
    assert load_config(path, {}).simulator.origins_allowed == tuple(entries)
