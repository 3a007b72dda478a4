"""A real Asterisk of one test run: own configuration, own ports, own sounds; started, stopped and killed at will.

It runs from the packages below a root folder (see `make-root`), in a directory of its own inside that root, so that
several runs side by side share nothing but the read-only programs.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import httpx2

from tests.live.audio import Sound

REPOSITORY = Path(__file__).resolve().parents[2]
DIALPLAN = REPOSITORY / "telephony" / "asterisk" / "etc" / "callbacksite.conf"
SOUNDS = REPOSITORY / "telephony" / "sounds"
AGENTS = ("kate", "bob", "eve", "dan", "mia", "joe", "ann", "tom")
RTP_PORTS = 200


def free_port(kind: socket.SocketKind) -> int:
    """A loopback port that nobody holds now, UDP or TCP."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_ports(first: int, last: int) -> int:
    """The first of `RTP_PORTS` UDP ports between these two (below the ephemeral ones), none of which is taken now."""
    for _ in range(50):
        begin = first + secrets.randbelow((last - first) // RTP_PORTS) * RTP_PORTS
        with contextlib.ExitStack() as probes:
            try:
                for port in range(begin, begin + RTP_PORTS):
                    probe = probes.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return begin
    raise RuntimeError("no free range of RTP ports")


@dataclass
class Asterisk:
    """One Asterisk process; the trunk leads to the SIP port of the customers' phones, the agents to that of theirs."""

    root: Path
    customers_port: int
    agents_port: int
    # Where it listens, and where the phones are.
    address: str = "127.0.0.1"
    phones_address: str = "127.0.0.1"
    agents: tuple[str, ...] = AGENTS
    # After so many seconds without audio from a phone its call is over; 0: never.
    rtp_timeout: int = 0
    app: str = "callbacksite"
    user: str = "callbacksite"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    detection_context: str = "callbacksite-cpd"
    sound_prefix: str = "callbacksite"
    http_port: int = field(default_factory=lambda: free_port(socket.SOCK_STREAM))
    sip_port: int = field(default_factory=lambda: free_port(socket.SOCK_DGRAM))
    bench_port: int = field(default_factory=lambda: free_port(socket.SOCK_DGRAM))
    dead_port: int = field(default_factory=lambda: free_port(socket.SOCK_DGRAM))
    rtp_first: int = field(default_factory=lambda: free_ports(10000, 22000))
    name: str = field(default_factory=lambda: f"cb-{secrets.token_hex(4)}")
    _process: subprocess.Popen[bytes] | None = None

    # What an admin would enter into a RoutePoint's endpoint.
    trunk = "PJSIP/{number}@trunk"
    bench_trunk = "PJSIP/{number}@trunk-bench"  # leads to `sipp.Answering`
    dead_trunk = "PJSIP/{number}@trunk-dead"

    @property
    def ari_url(self) -> str:
        return f"http://{self.address}:{self.http_port}"

    @property
    def home(self) -> Path:
        return self.root / "srv" / self.name

    @property
    def log(self) -> Path:
        return self.home / "log" / "console.log"

    @property
    def sounds(self) -> Path:
        return self.home / "data" / "sounds" / "en" / self.sound_prefix

    def prepare(self) -> None:
        """Write the configuration and copy our dialplan and sounds, as docs/asterisk.md tells an operator to do."""
        for part in ("etc", "run", "log", "spool", "db", "cache", "data"):
            (self.home / part).mkdir(parents=True)
        for part in ("documentation", "rest-api"):
            (self.home / "data" / part).symlink_to(f"/usr/share/asterisk/{part}")
        for stock in ("amd.conf", "indications.conf", "stasis.conf"):
            shutil.copy(self.root / "etc" / "asterisk" / stock, self.home / "etc" / stock)
        shutil.copytree(SOUNDS, self.sounds, ignore=shutil.ignore_patterns("make"))
        shutil.copy(DIALPLAN, self.home / "etc" / "callbacksite.conf")
        for name, text in self._files().items():
            (self.home / "etc" / name).write_text(text)

    def start(self) -> None:
        """Start it and return when ARI answers."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        log = self.log.open("ab")
        self._process = subprocess.Popen(
            [
                "/usr/sbin/chroot",
                str(self.root),
                "/usr/sbin/asterisk",
                "-f",
                "-C",
                f"/srv/{self.name}/etc/asterisk.conf",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        log.close()

    def wait_until_ready(self, timeout: float = 60) -> None:
        assert self._process is not None
        give_up = time.monotonic() + timeout
        while time.monotonic() < give_up:
            if self._process.poll() is not None:
                break
            try:
                if self.get("/asterisk/info").status_code == 200:
                    return
            except httpx2.TransportError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"Asterisk did not start: {self.log.read_text(errors='replace')[-2000:]}")

    def stop(self, timeout: float = 5) -> None:
        """End it in order: it hangs up every channel first."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None

    def kill(self) -> None:
        """End it as a power cut would: no SIP message leaves, sockets just die."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self, *, in_order: bool = False) -> None:
        if in_order:
            self.stop()
        else:
            self.kill()
        self.start()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def address_of(self, number: str) -> str:
        """Where somebody calls this number of ours."""
        return f"sip:{number}@{self.address}:{self.sip_port}"

    @property
    def row(self) -> SimpleNamespace:
        """The fields of a `Switch` row that leads here."""
        return SimpleNamespace(
            ari_url=self.ari_url,
            ari_user=self.user,
            ari_password=self.password,
            ari_app=self.app,
            detection_context=self.detection_context,
            sound_prefix=self.sound_prefix,
        )

    def channels(self) -> list[str]:
        return [channel["id"] for channel in self.get("/channels").json()]

    def add_sound(self, file: str, sound: Sound) -> None:
        """Put a treatment below the sound prefix, under the name that an option would give it."""
        path = self.sounds / file
        path.parent.mkdir(parents=True, exist_ok=True)
        sound.write(path)

    def clear(self, timeout: float = 5) -> None:
        """Hang up every channel and close every bridge."""
        with httpx2.Client(base_url=f"{self.ari_url}/ari", auth=(self.user, self.password), timeout=3) as http:
            give_up = time.monotonic() + timeout
            while http.get("/channels").json() and time.monotonic() < give_up:
                for channel in http.get("/channels").json():
                    http.delete(f"/channels/{channel['id']}")
                time.sleep(0.02)
            for bridge in http.get("/bridges").json():
                http.delete(f"/bridges/{bridge['id']}")

    def remove(self) -> None:
        shutil.rmtree(self.home, ignore_errors=True)

    def get(self, path: str) -> httpx2.Response:
        """One ARI read with the test's own client, past the code under test."""
        return httpx2.get(f"{self.ari_url}/ari{path}", auth=(self.user, self.password), timeout=3)

    def console(self, command: str) -> str:
        """What `asterisk -rx COMMAND` prints."""
        done = subprocess.run(
            [
                "/usr/sbin/chroot",
                str(self.root),
                "/usr/sbin/asterisk",
                "-C",
                f"/srv/{self.name}/etc/asterisk.conf",
                "-rx",
                command,
            ],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
        return done.stdout

    def _files(self) -> dict[str, str]:
        inside = f"/srv/{self.name}"
        directories = {
            "astcachedir": f"{inside}/cache",
            "astetcdir": f"{inside}/etc",
            "astmoddir": "/usr/lib/x86_64-linux-gnu/asterisk/modules",
            "astvarlibdir": f"{inside}/db",
            "astdbdir": f"{inside}/db",
            "astkeydir": f"{inside}/db",
            "astdatadir": f"{inside}/data",
            "astagidir": f"{inside}/data",
            "astspooldir": f"{inside}/spool",
            "astrundir": f"{inside}/run",
            "astlogdir": f"{inside}/log",
            "astsbindir": "/usr/sbin",
        }
        return {
            "asterisk.conf": "[directories]\n"
            + "".join(f"{key} => {value}\n" for key, value in directories.items())
            + "[options]\nverbose = 3\n",
            "modules.conf": MODULES,
            "logger.conf": "[general]\n[logfiles]\nmessages.log => notice,warning,error,verbose\n",
            "http.conf": f"[general]\nenabled=yes\nbindaddr={self.address}\nbindport={self.http_port}\n",
            "ari.conf": f"[general]\nenabled=yes\n[{self.user}]\ntype=user\npassword={self.password}\n",
            "rtp.conf": f"[general]\nrtpstart={self.rtp_first}\nrtpend={self.rtp_first + RTP_PORTS - 1}\n",
            "extensions.conf": EXTENSIONS,
            "pjsip.conf": self._pjsip(),
        }

    def _pjsip(self) -> str:
        trunks = {"trunk": self.customers_port, "trunk-bench": self.bench_port, "trunk-dead": self.dead_port}
        contacts = {name: f"sip:{self.phones_address}:{port}" for name, port in trunks.items()}
        contacts |= {agent: f"sip:{agent}@{self.phones_address}:{self.agents_port}" for agent in self.agents}
        text = f"[udp]\ntype=transport\nprotocol=udp\nbind={self.address}:{self.sip_port}\n"
        for name, contact in contacts.items():
            context = "from-trunk" if name == "trunk" else "default"
            text += (
                f"[{name}]\ntype=endpoint\naors={name}\ncontext={context}\ndisallow=all\nallow=ulaw\ndirect_media=no\n"
                f"media_address={self.address}\nbind_rtp_to_media_address=yes\n"
                f"rtp_timeout={self.rtp_timeout}\n"
                f"[{name}]\ntype=aor\ncontact={contact}\n"
            )
        return text + f"[trunk]\ntype=identify\nendpoint=trunk\nmatch={self.phones_address}\n"


EXTENSIONS = """[general]
#include callbacksite.conf

[from-trunk]
exten => _[+0-9].,1,Goto(callbacksite-inbound,${EXTEN},1)
"""

# Only what a callback needs, so that a start takes a second and the log shows nothing but real faults.
MODULES = """[modules]
autoload=yes
noload => cdr_sqlite3_custom.so
noload => chan_dahdi.so
noload => chan_iax2.so
noload => chan_motif.so
noload => chan_unistim.so
noload => chan_console.so
noload => app_voicemail.so
noload => app_queue.so
noload => pbx_ael.so
noload => pbx_lua.so
noload => pbx_dundi.so
noload => res_phoneprov.so
noload => res_prometheus.so
noload => res_xmpp.so
noload => res_hep.so
noload => res_smdi.so
"""
