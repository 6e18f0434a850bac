"""Installing a browser: a fake apt that writes down its commands, and a made zip on loopback."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import stat
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from framepress.browser_copy import Host, Release, find_release, install_release, pinned, platform_name
from framepress.browser_install import LIBRARIES, PACKAGE, Method, install_browser
from framepress.chromium import BrowserFacts
from framepress.errors import BrowserMissing, EnvironmentFault, StorageFault, UsageError
from loopback import Server, serving, whole

DEBIAN = Host("linux", "x86_64", ("debian",), is_root=True, has_apt=True, has_sudo=False)
UBUNTU = dataclasses.replace(DEBIAN, distribution=("ubuntu", "debian"))
ELSEWHERE = dataclasses.replace(DEBIAN, distribution=("fedora",), has_apt=False)

VERSION = "154.0.8037.92"
NAME = "chrome-headless-shell"
PROGRAM = f"#!/bin/sh\necho Google Chrome for Testing {VERSION}\n"


def zipped(program: str = PROGRAM, *more: tuple[str, int]) -> bytes:
    buffer = io.BytesIO()
    entries = [(f"{NAME}-linux64/{NAME}", stat.S_IFREG | 0o755), *more]
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, mode in entries:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, program)
    return buffer.getvalue()


def release_of(body: bytes) -> Release:
    return Release(VERSION, "linux64", hashlib.sha256(body).hexdigest(), len(body))


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "bin").mkdir()
    (tmp_path / "home").mkdir()
    return {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "HOME": str(tmp_path / "home")}


def install_copy(server: Server, release: Release, environ: Mapping[str, str]) -> Path:
    return install_release(release, environ, ELSEWHERE, base_url=server.url)


def copies(tmp_path: Path) -> list[str]:
    """What lies in the folder of copies, without the lock."""
    folder = tmp_path / "home/.local/share/framepress/chrome"
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


class FakeApt:
    """Stands for sudo, apt-get and apt-cache; `fails` are words whose commands return 100."""

    def __init__(self, *fails: str, effect: tuple[Path, str] | None = None) -> None:
        self.commands: list[str] = []
        self.fails = fails
        self.effect = effect

    def __call__(self, command: Sequence[str], *, quiet: bool = False) -> int:
        self.commands.append(" ".join(command))
        if any(word in command for word in self.fails):
            return 100
        if "install" in command and self.effect is not None:
            path, text = self.effect
            path.write_text(text)
            path.chmod(0o755)
        return 0


# --- The copy ---


def test_a_copy_is_installed_whole_with_its_receipt_and_can_be_started(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    body = zipped()
    with serving(whole(body)) as server:
        facts = install_browser(
            environ,
            host=ELSEWHERE,
            version=VERSION,
            sha256=release_of(body).sha256.upper(),
            base_url=server.url,
        )
        assert server.requests[0][0] == f"/{VERSION}/linux64/{NAME}-linux64.zip"
    assert (facts.version, facts.headless_shell) == (VERSION, True)
    assert copies(tmp_path) == [f"{VERSION}-linux64"]
    receipt = json.loads((facts.path.parents[1] / "receipt.json").read_text())
    assert receipt["sha256"] == release_of(body).sha256


def test_a_second_installation_downloads_nothing(environ: dict[str, str]) -> None:
    body = zipped()
    with serving(whole(body)) as server:
        first = install_copy(server, release_of(body), environ)
        assert install_copy(server, release_of(body), environ) == first
    assert len(server.requests) == 1


def test_a_damaged_copy_is_replaced(environ: dict[str, str]) -> None:
    body = zipped()
    with serving(whole(body)) as server:
        binary = install_copy(server, release_of(body), environ)
        binary.unlink()
        assert install_copy(server, release_of(body), environ).read_text() == PROGRAM


def test_the_same_version_with_another_digest_replaces_the_copy(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    first, second = zipped(), zipped(PROGRAM + "# rebuilt\n")
    with serving(whole(first)) as server:
        install_copy(server, release_of(first), environ)
    with serving(whole(second)) as server:
        assert "rebuilt" in install_copy(server, release_of(second), environ).read_text()
    assert copies(tmp_path) == [f"{VERSION}-linux64"]


def test_a_wrong_digest_is_found_before_anything_is_unpacked(tmp_path: Path, environ: dict[str, str]) -> None:
    body = zipped()
    lie = dataclasses.replace(release_of(body), sha256="ab" * 32)
    with serving(whole(body)) as server, pytest.raises(EnvironmentFault, match="SHA-256"):
        install_copy(server, lie, environ)
    assert copies(tmp_path) == []


@pytest.mark.parametrize("entry", [("../../evil", stat.S_IFREG | 0o644), ("link", stat.S_IFLNK | 0o777)])
def test_a_hostile_archive_leaves_nothing_behind(
    tmp_path: Path, environ: dict[str, str], entry: tuple[str, int]
) -> None:
    body = zipped(PROGRAM, entry)
    with serving(whole(body)) as server, pytest.raises(EnvironmentFault) as caught:
        install_copy(server, release_of(body), environ)
    assert caught.value.rule == "zip-hostile"
    assert copies(tmp_path) == []
    assert not list(tmp_path.rglob("evil"))


def test_an_archive_without_the_program_is_refused(tmp_path: Path, environ: dict[str, str]) -> None:
    body = zipped().replace(NAME.encode() + b"-linux64/", NAME.encode() + b"-macos64/")
    with serving(whole(body)) as server, pytest.raises(EnvironmentFault, match="holds no"):
        install_copy(server, release_of(body), environ)
    assert copies(tmp_path) == []


def test_what_a_killed_installation_left_is_removed(tmp_path: Path, environ: dict[str, str]) -> None:
    left = tmp_path / "home/.local/share/framepress/chrome/.unpacking-abc/new"
    left.mkdir(parents=True)
    body = zipped()
    with serving(whole(body)) as server:
        install_copy(server, release_of(body), environ)
    assert copies(tmp_path) == [f"{VERSION}-linux64"]


def test_too_small_a_disk_is_told_before_the_download(environ: dict[str, str]) -> None:
    huge = dataclasses.replace(release_of(b""), size_bytes=1 << 60)
    with serving(whole(b"")) as server, pytest.raises(StorageFault, match="MB free"):
        install_copy(server, huge, environ)
    assert server.requests == []


def test_a_data_folder_that_cannot_be_made_is_told(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageFault, match="XDG_DATA_HOME"):
        install_release(release_of(b""), environ | {"XDG_DATA_HOME": str(tmp_path / "file")}, ELSEWHERE)


def test_missing_libraries_are_named_with_a_way_out(environ: dict[str, str]) -> None:
    body = zipped("#!/bin/sh\necho libnss3.so: cannot open shared object file\nexit 127\n")
    with serving(whole(body)) as server, pytest.raises(BrowserMissing, match=r"libnss3\.so.*deb\.deps"):
        install_browser(
            environ, host=ELSEWHERE, version=VERSION, sha256=release_of(body).sha256, base_url=server.url
        )


def test_on_ubuntu_missing_libraries_are_installed_by_the_names_apt_knows(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    body = zipped(f"#!/bin/sh\ntest -e {tmp_path}/library || exit 127\necho Chrome {VERSION}\n")
    apt = FakeApt("libasound2t64", effect=(tmp_path / "library", ""))
    with serving(whole(body)) as server:
        facts = install_browser(
            environ,
            host=UBUNTU,
            run=apt,
            version=VERSION,
            sha256=release_of(body).sha256,
            base_url=server.url,
        )
    assert facts.version == VERSION
    installed = apt.commands[-1].split("--no-install-recommends ")[1].split()
    assert installed[:2] == ["libasound2", "libatk-bridge2.0-0t64"]
    assert len(installed) == len(LIBRARIES)
    assert "apt-get" in apt.commands[0]
    assert " update " in f"{apt.commands[0]} "


# --- Debian's package ---


@pytest.fixture
def bare(environ: dict[str, str]) -> dict[str, str]:
    """A machine without any browser: a PATH of one folder, and no system folders."""
    return environ | {"PATH": environ["PATH"].split(":")[0]}


def install_package(
    environ: Mapping[str, str], host: Host, apt: FakeApt, method: Method = "auto"
) -> BrowserFacts:
    return install_browser(environ, host=host, method=method, run=apt, system_folders=())


def package(environ: Mapping[str, str]) -> tuple[Path, str]:
    return Path(environ["PATH"]) / PACKAGE, "#!/bin/sh\necho Chromium 156.0.8078.79\n"


def test_on_debian_the_package_is_installed_as_root(bare: dict[str, str]) -> None:
    apt = FakeApt(effect=package(bare))
    assert install_package(bare, DEBIAN, apt).version == "156.0.8078.79"
    update, install = apt.commands
    assert update.startswith("env DEBIAN_FRONTEND=noninteractive apt-get ")
    assert update.endswith(" update -q")
    assert install.endswith(f" install -q -y --no-install-recommends {PACKAGE}")


def test_a_package_that_is_there_is_not_installed_again(bare: dict[str, str]) -> None:
    path, text = package(bare)
    path.write_text(text)
    path.chmod(0o755)
    apt = FakeApt()
    assert install_package(bare, DEBIAN, apt).path == path
    assert apt.commands == []


def test_without_root_a_sudo_that_asks_for_no_password_is_used(bare: dict[str, str]) -> None:
    apt = FakeApt(effect=package(bare))
    install_package(bare, dataclasses.replace(DEBIAN, is_root=False, has_sudo=True), apt)
    assert apt.commands[0] == "sudo -n true"
    assert apt.commands[2].startswith("sudo -n env DEBIAN_FRONTEND=noninteractive apt-get ")


@pytest.mark.parametrize("has_sudo", [False, True])
def test_without_root_and_without_sudo_the_command_is_told(bare: dict[str, str], has_sudo: bool) -> None:
    apt = FakeApt("true")
    with pytest.raises(EnvironmentFault, match=r"sudo apt-get install -y .*--download"):
        install_package(bare, dataclasses.replace(DEBIAN, is_root=False, has_sudo=has_sudo), apt)


def test_an_update_that_fails_does_not_stop_the_installation(bare: dict[str, str]) -> None:
    apt = FakeApt("update", effect=package(bare))
    assert install_package(bare, DEBIAN, apt).headless_shell


def test_when_apt_was_demanded_its_failure_is_final(bare: dict[str, str]) -> None:
    with pytest.raises(EnvironmentFault, match="could not install"):
        install_package(bare, DEBIAN, FakeApt("install"), method="apt")


def test_when_apt_fails_the_pinned_copy_is_downloaded_and_that_is_said(bare: dict[str, str]) -> None:
    said: list[str] = []
    with serving(lambda handler: handler.send(b"", status=404)) as server:
        with pytest.raises(EnvironmentFault, match="answered 404"):
            install_browser(
                bare,
                host=DEBIAN,
                run=FakeApt("install"),
                say=said.append,
                base_url=server.url,
                system_folders=(),
            )
        assert server.requests == [(f"/{pinned()['version']}/linux64/{NAME}-linux64.zip", None)]
    assert any("downloading Chrome for Testing's build instead" in sentence for sentence in said)


def test_a_version_that_was_asked_for_is_downloaded_on_debian_too(bare: dict[str, str]) -> None:
    apt = FakeApt()
    with (
        serving(lambda handler: handler.send(b"", status=404)) as server,
        pytest.raises(EnvironmentFault, match="answered 404"),
    ):
        install_browser(bare, host=DEBIAN, run=apt, version=VERSION, sha256="ab" * 32, base_url=server.url)
    assert apt.commands == []


def test_ubuntu_has_only_a_stub_so_the_copy_is_downloaded(bare: dict[str, str]) -> None:
    apt = FakeApt()
    with (
        serving(lambda handler: handler.send(b"", status=404)) as server,
        pytest.raises(EnvironmentFault, match="answered 404"),
    ):
        install_browser(bare, host=UBUNTU, run=apt, base_url=server.url, system_folders=())
    assert apt.commands == []


# --- Which build ---


def test_every_kind_of_machine_gets_its_build() -> None:
    machines = {
        ("linux", "x86_64"): "linux64",
        ("linux", "aarch64"): "linux-arm64",
        ("darwin", "arm64"): "mac-arm64",
        ("darwin", "x86_64"): "mac-x64",
        ("win32", "AMD64"): "win64",
        ("win32", "ARM64"): "win64",
        ("linux", "riscv64"): None,
        ("freebsd14", "amd64"): None,
    }
    assert {
        (system, machine): platform_name(dataclasses.replace(DEBIAN, platform=system, machine=machine))
        for system, machine in machines
    } == machines


def test_every_pin_is_complete() -> None:
    pins = pinned()
    assert re.fullmatch(r"\d+\.\d+\.\d+\.\d+", pins["version"])
    assert {"linux64", "mac-arm64", "mac-x64", "win64"} <= set(pins["platforms"])
    for pin in pins["platforms"].values():
        assert re.fullmatch(r"[0-9a-f]{64}", pin["sha256"])
        assert 50_000_000 < pin["bytes"] < 300_000_000


def test_windows_programs_have_their_suffix() -> None:
    assert Release(VERSION, "win64", "").binary == f"{NAME}-win64/{NAME}.exe"


def test_a_machine_without_a_build_is_told() -> None:
    with pytest.raises(EnvironmentFault, match=r"no build for linux on riscv64.*--browser"):
        find_release(dataclasses.replace(DEBIAN, machine="riscv64"))


def test_a_build_without_a_pin_is_refused_unless_a_digest_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("framepress.browser_copy.pinned", lambda: {"version": VERSION, "platforms": {}})
    with pytest.raises(EnvironmentFault, match="--browser-version and --browser-sha256"):
        find_release(DEBIAN)
    assert find_release(DEBIAN, "150.0.0.1", "AB" * 32) == Release("150.0.0.1", "linux64", "ab" * 32)


@pytest.mark.parametrize(
    ("version", "sha256"),
    [
        ("latest", "ab" * 32),
        ("../../1.2.3", "ab" * 32),
        ("1.2.3", "ab" * 32),
        (VERSION, "abc"),
        (VERSION, None),
    ],
)
def test_a_version_or_a_digest_that_is_none_is_refused(version: str, sha256: str | None) -> None:
    with pytest.raises(UsageError):
        install_browser({"HOME": "/nonexistent"}, host=ELSEWHERE, version=version, sha256=sha256)


@pytest.mark.parametrize(
    ("text", "has_package"),
    [
        ('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n', True),
        ('ID=ubuntu\nID_LIKE="debian"\n', False),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', False),
        ("ID='raspbian'\nID_LIKE=debian\n", True),
        ("ID=fedora\n", False),
    ],
)
def test_who_has_debians_package_is_read_from_os_release(
    tmp_path: Path, text: str, has_package: bool
) -> None:
    release = tmp_path / "os-release"
    release.write_text(text)
    host = dataclasses.replace(Host.read({"PATH": "/nonexistent"}, release), has_apt=True)
    assert host.has_debian_package is has_package
