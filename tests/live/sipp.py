"""A far end for benches: SIPp answers every call at once and writes down when each INVITE reached it."""

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
