// The desk: asks for news at every beat, and calls the agent (a sound, a title that blinks) while something waits for
// them. Without it the desk works all the same, but has to be reloaded by hand.
(() => {
  "use strict";

  const script = document.currentScript;
  const part = () => document.getElementById("live-part");

  // ---- the heartbeat
  const beat = () => {
    htmx.trigger(part(), "refresh");
    callOrRest();
  };
  const pulse = new Worker(script.dataset.pulse);
  pulse.addEventListener("message", beat);
  pulse.addEventListener("error", () => setInterval(beat, 800), { once: true });

  // ---- the sound: two short tones; browsers allow it only after a click or a key on the page
  const KEPT = "callbacksite-desk-sound";
  const control = document.getElementById("sound");
  const said = document.getElementById("sound-state");
  let wanted = localStorage.getItem(KEPT) !== "off";
  let audio = null;

  const tone = (at, pitch) => {
    const oscillator = audio.createOscillator();
    const volume = audio.createGain();
    oscillator.frequency.value = pitch;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.25, at + 0.02);
    volume.gain.linearRampToValueAtTime(0, at + 0.22);
    oscillator.connect(volume).connect(audio.destination);
    oscillator.start(at);
    oscillator.stop(at + 0.25);
  };
  const sound = () => {
    if (!wanted || audio?.state !== "running") return;
    tone(audio.currentTime, 660);
    tone(audio.currentTime + 0.25, 880);
  };
  const showSound = () => {
    control.checked = wanted;
    const works = audio?.state === "running";
    const text = !wanted
      ? said.dataset.off
      : works
        ? said.dataset.on
        : said.dataset.waits;
    if (said.textContent !== text) said.textContent = text;
  };
  const allow = () => {
    if (!wanted) return;
    audio ??= new AudioContext();
    audio.onstatechange = showSound;
    audio.resume().then(showSound, showSound);
  };
  control.addEventListener("change", () => {
    wanted = control.checked;
    localStorage.setItem(KEPT, wanted ? "on" : "off");
    allow();
    audio?.resume().then(sound);
    showSound();
  });
  for (const gesture of ["pointerdown", "keydown"]) {
    document.addEventListener(gesture, () => audio?.state !== "running" && allow(), { capture: true });
  }
  control.closest("section").hidden = false;
  showSound();

  // ---- what a button answered leaves by itself after a minute, or when the next call comes
  const message = document.getElementById("said");
  const reservation = () => document.querySelector("#live-part [name=reservation]")?.value ?? "";
  let isNew = false;
  let saidBeside = "";
  let leaving = 0;
  const forget = () => message.replaceChildren();
  new MutationObserver(() => {
    clearTimeout(leaving);
    if (!message.childElementCount) return;
    isNew = true;
    leaving = setTimeout(forget, 60000);
  }).observe(message, { childList: true });
  // The answer brings the state of the desk with it: a reservation that is not yet there is the next call's.
  const forgetBesideAnother = () => {
    if (isNew) saidBeside = reservation();
    else if (reservation() && reservation() !== saidBeside) forget();
    isNew = false;
  };

  const lost = (event) => {
    if (!event.detail.elt.matches("form")) return;
    const notice = document.createElement("p");
    notice.className = "notice warning";
    notice.textContent = message.dataset.lost;
    message.replaceChildren(notice);
  };
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.body.addEventListener(name, lost);
  }

  // ---- the call for the agent: every other beat the title says it, every fourth it sounds
  let title = document.title;
  let beats = 0;
  const callOrRest = () => {
    const call = document.querySelector("[data-calls-for-agent]")?.dataset.callsForAgent;
    if (!call) {
      if (beats) document.title = title;
      beats = 0;
      return;
    }
    document.title = beats % 2 ? title : `● ${call} ●`;
    if (beats % 4 === 0) sound();
    beats += 1;
  };

  // ---- what is heard: a screen reader is told of every change once, from a region that stays
  const announcement = () => document.getElementById("announcement").textContent.replace(/\s+/g, " ").trim();
  let announced = announcement();
  const announce = () => {
    const text = announcement();
    if (text === announced) return;
    announced = text;
    document.getElementById("heard").textContent = text;
  };

  document.body.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target.id !== "live-part") return;
    // htmx has put the title of the answer in by now.
    title = document.title;
    forgetBesideAnother();
    callOrRest();
    announce();
  });

  // ---- keys, and decisions that are sent once
  document.addEventListener("keydown", (event) => {
    if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.repeat) return;
    const button = document.querySelector(`#live-part [data-key="${event.code}"]`);
    if (!button) return;
    event.preventDefault();
    button.click();
  });
  document.body.addEventListener("htmx:confirm", (event) => {
    const form = event.detail.elt;
    if (form.matches("form.htmx-request")) event.preventDefault();
  });

  // ---- a time is for calling again at it
  document.body.addEventListener("input", (event) => {
    if (!event.target.matches(".disposition .when *")) return;
    const choice = event.target.form.querySelector("[value=call-at]");
    if (event.target.value && choice) choice.checked = true;
  });
})();
