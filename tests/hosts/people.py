"""Customers and agents as SIPp plays them: dozens at once, who ring, answer, say hello, and hang up by themselves.

What happened to each is written down by SIPp itself, which knows nothing of the service.
"""

from __future__ import annotations

import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from callbacksite.embedded import ends_with_parent

# Who is called under a number that ends so lets it ring for long.
SLOW = "77"
SCENARIO = """<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="people">
  <recv request="INVITE" crlf="true">
    <action>
      <ereg regexp="sips?:([^@]*)@" search_in="msg" assign_to="uri,number"/>
      <ereg regexp="sips?:[0-9]*SLOW@" search_in="msg" assign_to="slow"/>
      <ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/>
      <ereg regexp=".*" search_in="hdr" header="To:" assign_to="called"/>
      <ereg regexp="sip:[^>;]*" search_in="hdr" header="Contact:" assign_to="contact"/>
      <log message="[timestamp] rung [$number]"/>
    </action>
  </recv>
  <Reference variables="uri"/>
  <send><![CDATA[
SIP/2.0 180 Ringing
[last_Via:]
[last_From:]
[last_To:];tag=[pid]people[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

  ]]></send>
  <nop next="long" test="slow"/>
  <pause milliseconds="RING"/>
  <nop next="answer"/>
  <label id="long"/>
  <pause milliseconds="LONG"/>
  <label id="answer"/>
  <send retrans="500"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:];tag=[pid]people[call_number]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Type: application/sdp
Content-Length: [len]

v=0
o=people 1 1 IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [rtpstream_audio_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000

  ]]></send>
  <recv request="ACK">
    <action>
      <log message="[timestamp] answered [$number]"/>
      <exec rtp_stream="SOUND,1,0"/>
    </action>
  </recv>
  <recv request="BYE" timeout="TALK" ontimeout="bye">
    <action><log message="[timestamp] left [$number]"/></action>
  </recv>
  <send next="over"><![CDATA[
SIP/2.0 200 OK
[last_Via:]
[last_From:]
[last_To:]
[last_Call-ID:]
[last_CSeq:]
Contact: <sip:[local_ip]:[local_port]>
Content-Length: 0

  ]]></send>
  <label id="bye"/>
  <nop><action><log message="[timestamp] leaves [$number]"/></action></nop>
  <send retrans="500"><![CDATA[
BYE [$contact] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From:[$called];tag=[pid]people[call_number]
To:[$caller]
Call-ID: [call_id]
CSeq: 1 BYE
Max-Forwards: 70
Content-Length: 0

  ]]></send>
  <recv response="200" timeout="3000" ontimeout="over"/>
  <label id="over"/>
  <nop/>
</scenario>
"""
_LINE = re.compile(r"(\d{9,11}\.\d+) (rung|answered|left|leaves) (\S+)")


@dataclass(frozen=True)
class Deed:
    """`rung`, `answered`, `leaves` (hung up by themselves), `left` (the switch hung up); `at` is Unix time."""

    at: float
    what: str
    number: str


@dataclass
class People:
    """Everybody behind one SIP port. Times in seconds; `sound` is raw u-law audio that each plays on answering."""

    address: str
    port: int
    folder: Path
    sound: Path
    ring: float = 0.5
    long: float = 60.0
    talk: float = 15.0
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        text = SCENARIO.replace("SLOW", SLOW).replace("SOUND", str(self.sound))
        for word, seconds in (("RING", self.ring), ("LONG", self.long), ("TALK", self.talk)):
            text = text.replace(word, str(int(seconds * 1000)))
        scenario = self.folder / f"people-{self.port}.xml"
        scenario.write_text(text)
        # Files by their last name, because SIPp's own limits on paths are short.
        options = f"-sf {scenario.name} -i {self.address} -p {self.port} -mi {self.address} -nostdin"
        options += f" -trace_logs -log_file {self.log.name} -trace_err -error_file people-{self.port}.err"
        with (self.folder / f"people-{self.port}.out").open("wb") as output:
            self._process = subprocess.Popen(
                ends_with_parent(["sipp", *options.split()], how="KILL"), stdout=output, stderr=output, cwd=self.folder
            )
        time.sleep(0.3)
        if self._process.poll() is not None:
            raise RuntimeError((self.folder / f"people-{self.port}.out").read_text(errors="replace")[-2000:])

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def log(self) -> Path:
        return self.folder / f"people-{self.port}.log"

    def deeds(self) -> list[Deed]:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return [Deed(float(at), what, number) for at, what, number in _LINE.findall(text)]
