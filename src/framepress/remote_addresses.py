"""Addresses of other hosts that rows may name: their one canonical form, and which of them may be asked for.

A host is allowed by name (``cdn.example.com``, ``*.example.com`` for all below), by https and on port 443
unless the rule names a port. Where a name leads is looked up and judged too: private, link-local and metadata
addresses are never connected to, whatever the name. An operator may allow a host in the own network by a
rule of its own; link-local and metadata addresses stay closed even then.
"""

from __future__ import annotations

import ipaddress
import posixpath
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from framepress.errors import UsageError
from framepress.html_parts import WHITE_SPACE

#: Characters of an address; longer ones are refused by servers too.
ADDRESS_MAX = 2_000

#: Networks that Python calls global and that lead to others: NAT64, 6to4, Teredo.
_TUNNELS = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")))

#: Metadata services of clouds that do not lie in a link-local network.
_METADATA = tuple(
    map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"))
)

_RULE = re.compile(r"(\*\.)?([a-z0-9](?:[a-z0-9.\-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::([0-9]{1,5}))?")

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class NotAllowed(ValueError):
    """An address that is not asked for. The text says why; the address is not in it."""


@dataclass(frozen=True, slots=True)
class HostRule:
    """Hosts that are allowed. `below`: all below `host`, not itself; `port` None: that of https."""

    host: str
    below: bool
    port: int | None
    private: bool

    def fits(self, scheme: str, host: str, port: int) -> bool:
        named = host.endswith(f".{self.host}") if self.below else host == self.host
        if not named or (scheme == "http" and not self.private):
            return False
        return port == (self.port or (80 if scheme == "http" else 443))


def parse_hosts(allowed: Iterable[str], private: Iterable[str] = ()) -> tuple[HostRule, ...]:
    """Rules of the command line.

    Raises:
        UsageError: one is no host.
    """
    rules = []
    for texts, option in ((allowed, "--allow-host"), (private, "--allow-private-host")):
        for text in texts:
            match = _RULE.fullmatch(text.strip().lower())
            if match is None or int(match[3] or 0) > 65_535:
                raise UsageError(
                    f'{option} is "{text[:80]}"; expected a host such as cdn.example.com, *.example.com or '
                    "127.0.0.1:8000, without https://.",
                    rule="allow-host",
                )
            port = int(match[3]) if match[3] else None
            rules.append(HostRule(match[2].strip("[]"), bool(match[1]), port, option != "--allow-host"))
    return tuple(rules)


def canonical_address(address: str) -> str | None:
    """The form in which Chromium asks for an address, without its fragment; None: it is none of http or
    https."""
    text = "".join(character for character in address.strip(WHITE_SPACE) if character not in "\t\n\r")
    if text.startswith("//"):
        text = f"https:{text}"
    try:
        parts = urlsplit(text)
        scheme, host, port = parts.scheme.lower(), (parts.hostname or "").lower(), parts.port
        if scheme not in ("http", "https") or not host:
            return None
        if not host.isascii():
            host = host.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return None
    if ":" in host:
        host = f"[{host}]"
    place = host if port in (None, 80 if scheme == "http" else 443) else f"{host}:{port}"
    if "@" in parts.netloc:
        place = f"{parts.netloc.rpartition('@')[0]}@{place}"
    path = parts.path.replace("\\", "/") or "/"
    if "/." in path:
        ends_open = path.endswith(("/", "/.", "/.."))
        path = posixpath.normpath(path) + ("/" if ends_open and posixpath.normpath(path) != "/" else "")
    path = quote(path, safe="/:@!$&'()*+,;=~%-._[]|^")
    query = quote(parts.query, safe="/?:@!$&()*+,;=~%-._[]{}|\\^`'").replace("'", "%27")
    return f"{scheme}://{place}{path}" + (f"?{query}" if query else "")


def allowed_rule(address: str, rules: Iterable[HostRule]) -> HostRule:
    """The rule by which a canonical address may be asked for.

    Raises:
        NotAllowed: none does.
    """
    parts = urlsplit(address)
    if "@" in parts.netloc:
        raise NotAllowed("holds a user or a password")
    if len(address) > ADDRESS_MAX:
        raise NotAllowed(f"has more than {ADDRESS_MAX:,} characters")
    host = parts.hostname or ""
    port = parts.port or (80 if parts.scheme == "http" else 443)
    for rule in rules:
        if rule.fits(parts.scheme, host, port):
            return rule
    raise NotAllowed("names a host that is not allowed" if parts.scheme == "https" else "is not https")


def check_ip(text: str, *, private: bool) -> None:
    """Whether a looked-up address may be connected to.

    Args:
        private: the operator allows hosts of the own network under this name.

    Raises:
        NotAllowed: it is private, link-local, a metadata service, or no address of one host.
    """
    ip: IpAddress = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    closed = ip.is_link_local or ip.is_multicast or ip.is_unspecified or ip in _METADATA
    closed = closed or any(ip.version == net.version and ip in net for net in _TUNNELS)
    if closed or not (private or ip.is_global):
        raise NotAllowed("leads to a private, link-local or metadata address")


def look_up(host: str, port: int, *, private: bool) -> list[str]:
    """The addresses of a host, all of them allowed.

    Raises:
        NotAllowed: one of them is not. OSError: the name is not known now.
    """
    found = list(
        dict.fromkeys(str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    )
    for ip in found:
        check_ip(ip, private=private)
    return found
