"""Files of other hosts: which addresses may be asked for, a real server that misbehaves, rows and their
keys."""

from __future__ import annotations

import io
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av import CodecContext, VideoFrame
from av.container import InputContainer

import framepress
from framepress.composition_loading import load_composition
from framepress.errors import RowValueError, StorageFault, UsageError
from framepress.keys import digest_bytes
from framepress.media_kinds import kind_of
from framepress.remote_addresses import NotAllowed, allowed_rule, canonical_address, check_ip, parse_hosts
from framepress.remote_files import RemoteFiles, RemoteOptions
from framepress.remote_folder import remote_path
from framepress.remote_source import Failed, Fetched, Known, Outcome
from framepress.remote_tries import FILE_BYTES_MAX
from framepress.results import RowResult
from framepress.settings import RenderSettings
from framepress.variants import Binder, Variant, row_key_of
from loopback import Handler, Server, serving


def png(red: int) -> bytes:
    """A picture of one colour, 8 by 8."""
    frame = VideoFrame.from_ndarray(np.full((8, 8, 3), (red, 0, 0), dtype=np.uint8), format="rgb24")
    codec = CodecContext.create("png", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = 8, 8, "rgb24", Fraction(1)
    return b"".join(bytes(packet) for packet in codec.encode(frame))


PNG = png(200)


# ---- addresses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://CDN.Example.com/A b.png", "https://cdn.example.com/A%20b.png"),
        (" https://cdn.example.com:443 ", "https://cdn.example.com/"),
        ("//cdn.example.com/x?q=a b#frag", "https://cdn.example.com/x?q=a%20b"),
        ("https://cdn.example.com/a/../b/./c", "https://cdn.example.com/b/c"),
        ("https://cdn.example.com/é.png", "https://cdn.example.com/%C3%A9.png"),
        ("https://bücher.example/x", "https://xn--bcher-kva.example/x"),
        ("https://cdn.example.com/%41?x=%zz", "https://cdn.example.com/%41?x=%zz"),
        ("ht\ntps://cdn.example.com/\tx", "https://cdn.example.com/x"),
        ("ftp://cdn.example.com/x", None),
        ("https://", None),
        ("https://a:port/x", None),
        ("x.png", None),
    ],
)
def test_an_address_has_one_form(address: str, expected: str | None) -> None:
    assert canonical_address(address) == expected
    assert expected is None or canonical_address(expected) == expected


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("https://cdn.example.com/x", True),
        ("https://a.b.images.example/x", True),
        ("https://images.example/x", False),
        ("https://evilimages.example/x", False),
        ("https://cdn.example.com.evil.example/x", False),
        ("https://cdn.example.com:8443/x", False),
        ("https://other.example:8443/x", True),
        ("https://other.example/x", False),
        ("http://cdn.example.com/x", False),
        ("http://10.0.0.7:8000/x", True),
        ("https://user:pw@cdn.example.com/x", False),
        ("https://cdn.example.com/" + "x" * 2000, False),
    ],
)
def test_hosts_are_allowed_by_name_scheme_and_port(address: str, allowed: bool) -> None:
    rules = parse_hosts(["cdn.example.com", "*.images.example", "other.example:8443"], ["10.0.0.7:8000"])
    if allowed:
        allowed_rule(address, rules)
    else:
        with pytest.raises(NotAllowed) as caught:
            allowed_rule(address, rules)
        assert "example" not in str(caught.value)


@pytest.mark.parametrize("text", ["https://cdn.example.com", "*", "a b", "", "x:99999", "a/b", "*.*.example"])
def test_a_rule_that_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--allow-host"):
        parse_hosts([text])


@pytest.mark.parametrize(
    ("ip", "public", "private"),
    [
        ("93.184.215.14", True, True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True, True),
        ("127.0.0.1", False, True),
        ("10.1.2.3", False, True),
        ("192.168.0.1", False, True),
        ("::1", False, True),
        ("fd12::1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("100.64.0.1", False, True),
        ("169.254.169.254", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("fe80::1%eth0", False, False),
        ("fd00:ec2::254", False, False),
        ("100.100.100.200", False, False),
        ("0.0.0.0", False, False),
        ("224.0.0.1", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("2002:7f00:1::", False, False),
    ],
)
def test_private_and_metadata_addresses_are_closed(ip: str, public: bool, private: bool) -> None:
    for allowed, is_private in ((public, False), (private, True)):
        if allowed:
            check_ip(ip, private=is_private)
        else:
            with pytest.raises(NotAllowed):
                check_ip(ip, private=is_private)


# ---- a server ----------------------------------------------------------------------------------------


@contextmanager
def fetching(
    server: Server, folder: Path, *, allowed: tuple[str, ...] = (), slept: list[float] | None = None
) -> Iterator[RemoteFiles]:
    rules = parse_hosts(allowed, [f"127.0.0.1:{server.server_port}"])
    waits = slept if slept is not None else []
    files = RemoteFiles(RemoteOptions(folder, rules), sleep=waits.append)
    try:
        yield files
    finally:
        files.close()


def answers(*each: Callable[[Handler], None]) -> Callable[[Handler], None]:
    """One answer after the other; the last goes on."""
    left = list(each)

    def answer(handler: Handler) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(handler)

    return answer


def sends(body: bytes, **options: object) -> Callable[[Handler], None]:
    return lambda handler: handler.send(body, **options)  # type: ignore[arg-type]


def breaks(handler: Handler) -> None:
    handler.send(PNG[:20], length=len(PNG))


def outcome(folder: Path, answer: Callable[[Handler], None], path: str = "/a.png") -> tuple[Outcome, Server]:
    with serving(answer) as server, fetching(server, folder) as files:
        return files.get(server.url + path), server


def test_a_file_is_kept_by_its_content(tmp_path: Path) -> None:
    found, server = outcome(tmp_path / "remote", sends(PNG))
    assert found == Fetched(digest_bytes(PNG))
    assert remote_path(tmp_path / "remote", digest_bytes(PNG)).read_bytes() == PNG
    assert len(server.requests) == 1


@pytest.mark.parametrize("first", [breaks, sends(b"", status=503), sends(b"", status=429), sends(PNG[:40])])
def test_what_fails_for_a_moment_is_tried_again(tmp_path: Path, first: Callable[[Handler], None]) -> None:
    found, server = outcome(tmp_path, answers(first, first, sends(PNG)))
    assert found == Fetched(digest_bytes(PNG))
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("answer", "rule", "reason", "tries"),
    [
        (sends(b"", status=404), "remote-failed", "HTTP 404", 1),
        (sends(b"", status=503), "remote-failed", "in 4 tries: HTTP 503", 4),
        (breaks, "remote-failed", "in 4 tries: the connection broke", 4),
        (sends(b"<html>please log in</html>"), "remote-type", "neither a picture nor a font", 1),
        (sends(PNG, Content_Encoding="gzip"), "remote-type", "came packed", 1),
        (sends(b"", status=302, Location="/again"), "remote-redirects", "more than 5 times", 6),
        (sends(b"", status=302, Location="https://other.example/x"), "remote-host", "not allowed", 1),
        (sends(b"", status=302, Location="http://169.254.169.254/latest"), "remote-host", "not https", 1),
        (sends(b"", status=302, Location="file:///etc/passwd"), "remote-address", "no address", 1),
    ],
)
def test_what_cannot_be_fetched_says_why_and_not_from_where(
    tmp_path: Path, answer: Callable[[Handler], None], rule: str, reason: str, tries: int
) -> None:
    found, server = outcome(tmp_path, answer)
    assert isinstance(found, Failed)
    assert (found.rule, len(server.requests)) == (rule, tries)
    assert reason in found.reason
    assert "127.0.0.1" not in found.reason
    assert not list(tmp_path.glob("*/*"))


def test_a_file_that_never_ends_is_given_up(tmp_path: Path) -> None:
    def endless(handler: Handler) -> None:
        handler.send(b"", length=1 << 40)
        with suppress(OSError):
            while not handler.server.closing.is_set():
                handler.wfile.write(PNG + bytes(1 << 20))

    found, _ = outcome(tmp_path, endless)
    assert isinstance(found, Failed)
    assert found.reason == f"is larger than {FILE_BYTES_MAX >> 20} MB"


def test_redirects_within_allowed_hosts_are_followed(tmp_path: Path) -> None:
    def moved(handler: Handler) -> None:
        if handler.path == "/a.png":
            handler.send(b"", status=301, Location="/b.png")
        else:
            handler.send(PNG)

    found, server = outcome(tmp_path, moved)
    assert found == Fetched(digest_bytes(PNG))
    assert [path for path, _ in server.requests] == ["/a.png", "/b.png"]


def test_loopback_is_never_connected_to_without_the_operator_s_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that leads to the own machine: allowed as a host, closed as an address."""
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 443))],
    )
    with serving(sends(PNG)) as server:
        files = RemoteFiles(RemoteOptions(tmp_path, parse_hosts(["cdn.example.com"])), sleep=lambda _: None)
        found = files.get("https://cdn.example.com/a.png")
        files.close()
        assert isinstance(found, Failed)
        assert (found.allowed, found.rule) == (False, "remote-host")
        assert "private, link-local or metadata" in found.reason
        assert server.requests == []


def test_an_address_is_asked_for_once_a_run_and_only_if_changed_in_the_next(tmp_path: Path) -> None:
    seen: list[str | None] = []

    def answer(handler: Handler) -> None:
        seen.append(handler.headers.get("If-None-Match"))
        if seen[-1] == '"v1"':
            handler.send(b"", status=304)
        else:
            handler.send(PNG, ETag='"v1"')

    with serving(answer) as server:
        for _ in range(2):
            with fetching(server, tmp_path) as files:
                files.fetch_all([f"{server.url}/a.png"] * 3)
                assert files.get(f"{server.url}/a.png") == Fetched(digest_bytes(PNG))
    assert seen == [None, '"v1"']


def test_a_host_is_asked_by_few_at_a_time_and_left_alone_when_it_says_so(tmp_path: Path) -> None:
    lock, now, most = threading.Lock(), Counter[str](), 0
    slept: list[float] = []

    def answer(handler: Handler) -> None:
        nonlocal most
        with lock:
            now["open"] += 1
            now["all"] += 1
            most = max(most, now["open"])
            first = now["all"] == 1
        time.sleep(0.02)
        with lock:
            now["open"] -= 1
        if first:
            handler.send(b"", status=429, Retry_After="7")
        else:
            handler.send(PNG)

    with serving(answer) as server, fetching(server, tmp_path, slept=slept) as files:
        files.fetch_all(f"{server.url}/{number}.png" for number in range(24))
        assert all(files.get(f"{server.url}/{n}.png") == Fetched(digest_bytes(PNG)) for n in range(24))
    assert most <= 4
    assert any(5 < wait <= 7 for wait in slept)


def test_pauses_between_tries_grow_and_are_not_all_the_same(tmp_path: Path) -> None:
    slept: list[float] = []
    with serving(sends(b"", status=500)) as server, fetching(server, tmp_path, slept=slept) as files:
        for number in range(8):
            files.get(f"{server.url}/{number}")
    thirds = [slept[index::3] for index in range(3)]
    assert all(0.25 * 2**n <= wait <= 0.5 * 2**n for n, waits in enumerate(thirds) for wait in waits)
    assert len(set(slept)) == 24


def test_a_folder_that_cannot_be_written_is_the_machine_s_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageFault, match="cannot be kept"):
        outcome(tmp_path / "file", sends(PNG))


def test_pictures_and_fonts_are_told_by_their_bytes() -> None:
    assert kind_of(PNG) == "image/png"
    assert kind_of(b"\xef\xbb\xbf <?xml version='1.0'?><svg xmlns='x'/>") == "image/svg+xml"
    assert [kind_of(data) for data in (b"", b"<html><svg>", b"%PDF-1.7", b"\x7fELF", b"{}")] == [None] * 5


# ---- rows --------------------------------------------------------------------------------------------

BODY = (
    '<div data-width="64" data-height="64" data-fps="10" data-duration="0.2">'
    '<img src="{{$PHOTO}}"%s style="position:absolute;left:0;top:0;width:64px;height:64px">{{$NAME}}</div>'
)


def bind(
    folder: Path, files: RemoteFiles | Known | None, photo: str, fallback: str = ""
) -> tuple[Binder, Variant]:
    (folder / "c.html").write_text(BODY % (f' data-fallback-src="{fallback}"' if fallback else ""))
    composition = load_composition(folder / "c.html")
    binder = Binder(composition, columns=("PHOTO", "NAME"), column_map={}, use_default=(), batch=True)
    binder.remote = files
    return binder, binder.bind({"PHOTO": photo, "NAME": "A"}, place="people.csv:2", row_number=1)


def test_the_bytes_are_in_the_row_key(tmp_path: Path) -> None:
    keys = set()
    for picture in (PNG, png(10)):
        with serving(sends(picture)) as server, fetching(server, tmp_path / "remote") as files:
            binder, variant = bind(tmp_path, files, f"http://127.0.0.1:{server.server_port}/me.png")
            assert list(variant.files.values()) == [digest_bytes(picture)]
            # What a worker knows from its message is the same row.
            _, again = bind(tmp_path, Known(variant.files), variant.values["PHOTO"])
            assert again == variant
            fixed = Variant({**variant.values, "PHOTO": "x"}, {"x": digest_bytes(picture)})
            keys.add(row_key_of(binder.composition, fixed, RenderSettings()))
    assert len(keys) == 2


def test_a_row_whose_picture_fails_is_named_by_field_and_rule_and_not_by_value(tmp_path: Path) -> None:
    with serving(sends(b"", status=404)) as server, fetching(server, tmp_path / "remote") as files:
        for source, rule in ((files, "remote-failed"), (None, "remote-host")):
            with pytest.raises(RowValueError) as caught:
                bind(tmp_path, source, f"{server.url}/secret.png")
            error = caught.value
            assert (error.rule, error.field, error.row) == (rule, "PHOTO", 1)
            assert not re.search(r"secret|127\.0\.0\.1", error.message)
            assert "c.html:1" in error.message


def test_a_fallback_stands_for_what_failed_and_not_for_what_is_not_allowed(tmp_path: Path) -> None:
    (tmp_path / "fox.png").write_bytes(png(10))
    with serving(sends(b"", status=404)) as server, fetching(server, tmp_path / "remote") as files:
        binder, variant = bind(tmp_path, files, f"{server.url}/a.png", "fox.png")
        assert list(variant.files.values()) == [digest_bytes(png(10))]
        assert (binder.fell_back, binder.fell_back_rows) == (1, [1])
        assert remote_path(tmp_path / "remote", digest_bytes(png(10))).read_bytes() == png(10)
        with pytest.raises(RowValueError, match="expected https: and a host that --allow-host names"):
            bind(tmp_path, files, "https://other.example/a.png", "fox.png")


@pytest.mark.browser
def test_five_failing_of_a_hundred_lose_no_clip_with_a_fallback_and_are_named_without(
    tmp_path: Path, browser_path: Path
) -> None:
    """A hundred rows are bound, four of them rendered: one fetched, three others, of which one fell back."""
    photos = tmp_path / "photos"
    photos.mkdir()

    def answer(handler: Handler) -> None:
        number = int(handler.path.strip("/").removesuffix(".png"))
        if number % 20 == 3:
            handler.send(b"", status=404)
        else:
            handler.send(png(200))

    def rendered(server: Server, **options: object) -> list[RowResult]:
        rows = [{"PHOTO": f"{server.url}/{number}.png", "NAME": str(number)} for number in range(100)]
        return list(
            framepress.render_many(
                tmp_path / "c.html",
                rows,
                out_dir=tmp_path / "out",
                out_name="{NAME}.mp4",
                only_rows="3-6",
                allow_private_hosts=[f"127.0.0.1:{server.server_port}"],
                workers=1,
                browser=browser_path,
                **options,  # type: ignore[arg-type]
            )
        )

    (tmp_path / "fox.png").write_bytes(png(10))
    (tmp_path / "c.html").write_text(BODY % "")
    with serving(answer) as server:
        found = rendered(server, skip_bad_rows=True)
        failed = [result for result in found if result.status == "failed"]
        assert [result.row for result in failed] == [4]
        assert failed[0].error is not None
        assert "HTTP 404" in failed[0].error["message"]
        assert server.url not in str(failed[0].error)
        (tmp_path / "c.html").write_text(BODY % ' data-fallback-src="fox.png"')
        with pytest.warns(RuntimeWarning, match=r"In 1 rows data-fallback-src stands for .*: 4\. Run"):
            found = rendered(server)
    assert [result.status for result in found] == ["done"] * 4
    reds = {name: red_of(tmp_path / f"out/{name}.mp4") for name in (2, 3)}
    assert reds[2] > 150
    assert reds[3] < 60


def red_of(path: Path) -> float:
    """Mean red of the first picture, in the middle."""
    with av.open(io.BytesIO(path.read_bytes())) as container:
        assert isinstance(container, InputContainer)
        frame = next(container.decode(video=0))
        return float(np.asarray(frame.to_ndarray(format="rgb24"))[30:50, 30:50, 0].mean())


def wav(loudness: int) -> bytes:
    """A second of a tone."""
    samples = (np.sin(np.arange(48_000) / 16) * loudness).astype("<i2").tobytes()
    head = b"WAVEfmt \x10\0\0\0\1\0\1\0\x80\xbb\0\0\0\x77\1\0\2\0\x10\0data"
    return (
        b"RIFF"
        + (36 + len(samples)).to_bytes(4, "little")
        + head
        + len(samples).to_bytes(4, "little")
        + samples
    )


def test_what_many_rows_share_is_asked_for_once_however_many_others_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("framepress.remote_files.OUTCOMES_MAX", 4)
    with serving(sends(PNG)) as server, fetching(server, tmp_path / "remote") as files:
        for number in range(12):
            files.fetch_all([f"{server.url}/common.png", f"{server.url}/{number}.png"])
            assert files.get(f"{server.url}/common.png") == Fetched(digest_bytes(PNG))
    assert len([path for path in server.requests if "common" in str(path)]) == 1
    assert len(server.requests) == 13


@pytest.mark.browser
def test_rows_may_name_their_sound_on_an_allowed_host(tmp_path: Path, browser_path: Path) -> None:
    body = """<!doctype html><div data-width="80" data-height="80" data-duration="0.4" data-fps="5">
    <p>{{$NAME}}</p><audio src="{{$TONE}}" data-start="0" data-end="0.4"></audio></div>"""
    (tmp_path / "c.html").write_text(body)

    def answer(handler: Handler) -> None:
        loud = {"/loud.wav": 20_000, "/soft.wav": 200}.get(handler.path)
        handler.send(wav(loud) if loud is not None else b"no sound")

    def rendered(server: Server, names: tuple[str, ...], **options: object) -> list[RowResult]:
        rows = [{"NAME": name, "TONE": f"{server.url}/{name}.wav"} for name in names]
        return list(
            framepress.render_many(
                tmp_path / "c.html",
                rows,
                out_dir=tmp_path / "out",
                out_name="{NAME}.mp4",
                workers=1,
                browser=browser_path,
                skip_bad_rows=True,
                **options,  # type: ignore[arg-type]
            )
        )

    with serving(answer) as server:
        host = [f"127.0.0.1:{server.server_port}"]
        found = rendered(server, ("loud", "soft", "none"), allow_private_hosts=host)
        assert {one.row: one.status for one in found} == {1: "done", 2: "done", 3: "failed"}
        refused = next(one for one in found if one.row == 3)
        assert refused.error is not None
        assert refused.error["rule"] == "remote-type"
        refused = rendered(server, ("loud",))[0]
        assert refused.error is not None
        assert refused.error["rule"] == "remote-host"
    assert loudness_of(tmp_path / "out/loud.mp4") > 20 * loudness_of(tmp_path / "out/soft.mp4") > 0


def loudness_of(path: Path) -> float:
    """Mean level of a clip's sound."""
    with av.open(io.BytesIO(path.read_bytes())) as container:
        assert isinstance(container, InputContainer)
        levels = [np.abs(frame.to_ndarray()).mean() for frame in container.decode(audio=0)]
    return float(np.mean(levels))
