"""SIPp as the far end: it answers every call at once and writes down when each INVITE reached it, or it calls us."""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

SCENARIO = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="answering">
  <recv request="INVITE" crlf="true">
    <action>
      <ereg regexp="sips?:([^@]*)@" search_in="msg" assign_to="uri,number"/>
      <log message="[timestamp] INVITE [$number]"/>
    </action>
  </recv>
  <Reference variables="uri"/>
  <send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPpTag01[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

  ]]></send>
  <pause milliseconds="RING"/>
  <send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]SIPpTag01[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=user1 53655765 2353687637 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000

  ]]></send>
  <recv request="ACK"/>
  <recv request="BYE"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

  ]]></send>
</scenario>
"""
# Calls, types when it has been on the line for a while, and stays until it is hung up.
CALLING = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="calling">
  <send retrans="500"><![CDATA[
INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:CALLER@[local_ip]:[local_port]>;tag=[pid]SIPpTag00[call_number]
To: <sip:[service]@[remote_ip]:[remote_port]>
Call-ID: [call_id]
CSeq: 1 INVITE
Contact: <sip:CALLER@[local_ip]:[local_port]>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: [len]

v=0
o=user1 53655765 2353687637 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0 96
a=rtpmap:0 PCMU/8000
a=rtpmap:96 telephone-event/8000
a=fmtp:96 0-15

  ]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="183" optional="true"/>
  <recv response="200" rrs="true"/>
  <send><![CDATA[
ACK [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
[last_From:]
[last_To:]
Call-ID: [call_id]
CSeq: 1 ACK
Max-Forwards: 70
Content-Length: 0

  ]]></send>
  <pause milliseconds="PAUSE"/>
  <nop><action><exec play_dtmf="DIGITS"/></action></nop>
  <recv request="BYE"/>
  <send><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Content-Length: 0

  ]]></send>
</scenario>
"""
_LINE = re.compile(r"(\d{9,11}\.\d+) INVITE (\S*)")


@dataclass
class Answering:
    """SIPp on `port`, its files in `folder`. A context manager."""

    port: int
    folder: Path
    ring_seconds: float = 0.1
    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Answering:
        scenario = self.folder / "answering.xml"
        scenario.write_text(SCENARIO.replace("RING", str(int(self.ring_seconds * 1000))))
        options = f"-sf {scenario} -i 127.0.0.1 -p {self.port} -nostdin -trace_logs -log_file {self.log}".split()
        with (self.folder / "sipp.log").open("wb") as output:
            self._process = subprocess.Popen(["sipp", *options], stdout=output, stderr=output, cwd=self.folder)
        time.sleep(0.3)
        if self._process.poll() is not None:
            raise RuntimeError((self.folder / "sipp.log").read_text(errors="replace")[-2000:])
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @property
    def log(self) -> Path:
        return self.folder / "invites.log"

    def invites(self) -> dict[str, float]:
        """The Unix time at which each number was first rung."""
        rung: dict[str, float] = {}
        for at, number in _LINE.findall(self.log.read_text(errors="replace") if self.log.exists() else ""):
            rung.setdefault(number, float(at))
        return rung


@dataclass
class Calling:
    """SIPp calls a number of ours at `host` (address and port) and types `digits` after a while. A context manager."""

    host: str
    caller: str
    called: str
    digits: str
    folder: Path
    type_after: float = 2.0
    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Calling:
        scenario = self.folder / "calling.xml"
        words = {"CALLER": self.caller, "DIGITS": self.digits, "PAUSE": str(int(self.type_after * 1000))}
        text = CALLING
        for word, value in words.items():
            text = text.replace(word, value)
        scenario.write_text(text)
        options = f"-sf {scenario} -s {self.called} -i 127.0.0.1 -m 1 -nostdin {self.host}".split()
        with (self.folder / "sipp-calling.log").open("wb") as output:
            self._process = subprocess.Popen(["sipp", *options], stdout=output, stderr=output, cwd=self.folder)
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def finished(self, timeout: float = 30) -> bool:
        """Wait until it was hung up; True if all went as it should."""
        assert self._process is not None
        return self._process.wait(timeout) == 0
