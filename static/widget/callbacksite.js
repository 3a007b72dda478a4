/* Callbacksite's widget: lets the visitors of a web page ask to be called. One script tag, no framework:
 *
 *   <script src="https://callbacks.example.org/static/widget/callbacksite.js" data-service="billing" data-key="KEY" defer></script>
 *
 * docs/widget.md says what else there is.
 */
(() => {
  "use strict";
  const tag = document.currentScript;
  const said = tag.dataset;
  const api = new URL(said.api || "/genesys", tag.src).href.replace(/\/$/, "");
  const service = encodeURIComponent(said.service || "");
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

  const TEXTS = {
    en: {
      title: "We call you back",
      number: "Your telephone number",
      numberHelp: "With the country's code, such as +49 30 1234567.",
      numberMissing: "Enter the number at which we may call you.",
      when: "When may we call?",
      now: "As soon as possible",
      later: "At a time of your choice",
      day: "Day",
      time: "Time",
      send: "Call me",
      busy: "One moment…",
      noTimes: "No times are free at present. Choose “{now}”, or come back later.",
      coming: "Thank you. We call {number} as soon as somebody is free.",
      booked: "Thank you. We call {number} on {time}.",
      position: "You are number {position} in the line. It takes about {minutes} min.",
      move: "Choose another time",
      back: "Back",
      cancel: "Cancel the call",
      sure: "Do you want us not to call you?",
      cancelled: "The call is cancelled.",
      ready: "Somebody is about to be free for you.",
      yes: "Call me now",
      again: "Ask for another call",
      over: "This call is over or can no longer be changed.",
      full: "We cannot call then. These times are free:",
      offline: "The service cannot be reached. Try again.",
      tooMany: "There were too many requests. Try again in a few minutes.",
      captcha: "Please show first that you are not a machine.",
      failed: "That did not work: {message}",
    },
    de: {
      title: "Wir rufen Sie zurück",
      number: "Ihre Telefonnummer",
      numberHelp: "Mit Landesvorwahl, zum Beispiel +49 30 1234567.",
      numberMissing: "Geben Sie die Nummer ein, unter der wir Sie anrufen dürfen.",
      when: "Wann dürfen wir anrufen?",
      now: "So bald wie möglich",
      later: "Zu einer Zeit Ihrer Wahl",
      day: "Tag",
      time: "Uhrzeit",
      send: "Rufen Sie mich an",
      busy: "Einen Moment…",
      noTimes: "Zurzeit sind keine Zeiten frei. Wählen Sie „{now}“, oder kommen Sie später wieder.",
      coming: "Danke. Wir rufen {number} an, sobald jemand frei ist.",
      booked: "Danke. Wir rufen {number} an: {time}.",
      position: "Sie sind Nummer {position} in der Warteschlange. Es dauert etwa {minutes} min.",
      move: "Andere Zeit wählen",
      back: "Zurück",
      cancel: "Anruf absagen",
      sure: "Sollen wir Sie nicht anrufen?",
      cancelled: "Der Anruf ist abgesagt.",
      ready: "Gleich ist jemand für Sie frei.",
      yes: "Rufen Sie jetzt an",
      again: "Um einen anderen Anruf bitten",
      over: "Dieser Anruf ist vorbei oder kann nicht mehr geändert werden.",
      full: "Dann können wir nicht anrufen. Frei sind diese Zeiten:",
      offline: "Der Dienst ist nicht erreichbar. Versuchen Sie es noch einmal.",
      tooMany: "Das waren zu viele Anfragen. Versuchen Sie es in einigen Minuten noch einmal.",
      captcha: "Bitte zeigen Sie zuerst, dass Sie keine Maschine sind.",
      failed: "Das hat nicht geklappt: {message}",
    },
    fr: {
      title: "Nous vous rappelons",
      number: "Votre numéro de téléphone",
      numberHelp: "Avec l’indicatif du pays, par exemple +33 1 23 45 67 89.",
      numberMissing: "Saisissez le numéro auquel nous pouvons vous appeler.",
      when: "Quand pouvons-nous appeler ?",
      now: "Dès que possible",
      later: "À l’heure de votre choix",
      day: "Jour",
      time: "Heure",
      send: "Appelez-moi",
      busy: "Un instant…",
      noTimes: "Aucun horaire n’est libre pour le moment. Choisissez « {now} » ou revenez plus tard.",
      coming: "Merci. Nous appelons le {number} dès que quelqu’un est libre.",
      booked: "Merci. Nous appelons le {number} : {time}.",
      position: "Vous êtes numéro {position} dans la file. Il faut environ {minutes} min.",
      move: "Choisir un autre horaire",
      back: "Retour",
      cancel: "Annuler l’appel",
      sure: "Voulez-vous que nous n’appelions pas ?",
      cancelled: "L’appel est annulé.",
      ready: "Quelqu’un va être libre pour vous.",
      yes: "Appelez-moi maintenant",
      again: "Demander un autre appel",
      over: "Cet appel est terminé ou ne peut plus être modifié.",
      full: "Nous ne pouvons pas appeler alors. Ces horaires sont libres :",
      offline: "Le service est injoignable. Réessayez.",
      tooMany: "Il y a eu trop de demandes. Réessayez dans quelques minutes.",
      captcha: "Montrez d’abord que vous n’êtes pas une machine.",
      failed: "Cela n’a pas fonctionné : {message}",
    },
  };
  const language = [said.lang, document.documentElement.lang, ...navigator.languages, "en"]
    .map((each) => (each || "").toLowerCase())
    .find((each) => TEXTS[each.split("-")[0]]);
  const texts = TEXTS[language.split("-")[0]];
  const text = (name, values = {}) => texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? texts[key]);
  const format = (options) => new Intl.DateTimeFormat(language, { timeZone: zone, ...options });
  const DAY = format({ weekday: "long", day: "numeric", month: "long" });
  const TIME = format({ hour: "numeric", minute: "2-digit" });
  const WHOLE = format({ dateStyle: "full", timeStyle: "short" });

  const STYLE = `
    :host { all: initial; display: block; max-width: 26rem; color-scheme: light dark; font: 1rem/1.45 var(--callbacksite-font, system-ui, sans-serif);
      color: var(--callbacksite-text, CanvasText); background: var(--callbacksite-background, Canvas);
      border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: var(--callbacksite-radius, .6rem); padding: 1rem 1.2rem; box-sizing: border-box; }
    h2 { font-size: 1.2rem; margin: 0 0 .6rem; } fieldset { border: 0; margin: .8rem 0; padding: 0; } legend { padding: 0; font-weight: 600; }
    label { display: block; margin: .3rem 0; } .field > label, .times label { font-weight: 600; }
    input[type=tel], select { font: inherit; width: 100%; box-sizing: border-box; padding: .5rem; min-height: 2.75rem; color: inherit; background: transparent;
      border: 1px solid color-mix(in srgb, currentColor 55%, transparent); border-radius: .35rem; }
    option { color: CanvasText; background: Canvas; } input[type=radio] { width: 1.15rem; height: 1.15rem; vertical-align: -.15rem; accent-color: var(--callbacksite-accent, #0b57d0); }
    .help { font-size: .9rem; opacity: .85; margin: .2rem 0; } .error { color: var(--callbacksite-error, light-dark(#b3261e, #ffb4ab)); margin: .5rem 0; }
    button { font: inherit; font-weight: 600; min-height: 2.75rem; padding: .5rem 1rem; margin: .4rem .5rem 0 0; border-radius: .35rem; cursor: pointer; border: 1px solid currentColor; background: transparent; color: inherit; }
    button.main { background: var(--callbacksite-accent, #0b57d0); border-color: transparent; color: var(--callbacksite-on-accent, #fff); } button:disabled { opacity: .6; cursor: default; }
    :focus-visible { outline: 3px solid var(--callbacksite-accent, #0b57d0); outline-offset: 2px; } [hidden] { display: none; }`;

  const make = (name, attributes = {}, ...children) => {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (value === true) element.setAttribute(key, "");
      else if (value !== false && value != null) element.setAttribute(key, value);
    }
    element.append(...children);
    return element;
  };

  class Refused extends Error {
    constructor(status, body) {
      super(body.message || `HTTP ${status}`);
      this.status = status;
      this.availability = body.availability;
    }
  }

  async function ask(method, path, { body, headers, version = 1 } = {}) {
    const request = { method, headers: { "x-api-key": said.key, ...headers } };
    if (body) {
      request.body = JSON.stringify(body);
      request.headers["content-type"] = "application/json";
    }
    const answer = await fetch(`${api}/${version}/service/${path}`, request);
    const read = await answer.json().catch(() => ({}));
    if (!answer.ok) throw new Refused(answer.status, read);
    return read;
  }

  const memory = {
    key: `callbacksite ${api} ${service}`,
    read() {
      try {
        const held = JSON.parse(localStorage.getItem(this.key));
        return held && Date.now() < held.until ? held : null;
      } catch {
        return null;
      }
    },
    write(held) {
      try {
        if (held) localStorage.setItem(this.key, JSON.stringify(held));
        else localStorage.removeItem(this.key);
      } catch {
        // None.
      }
    },
  };

  const HOUR = 3600e3;
  class Widget {
    constructor(host) {
      this.host = host;
      this.root = host.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      this.root.adoptedStyleSheets = [sheet];
      this.held = memory.read();
      this.said = make("p", { class: "help", role: "status" });
      this.fault = make("p", { class: "error", role: "alert", id: "fault" });
      this.body = make("div");
      this.root.append(make("h2", {}, text("title")), this.body, this.fault, this.said);
      if (this.held) this.showHeld();
      else this.showForm();
    }

    show(...children) {
      clearInterval(this.timer);
      this.body.replaceChildren(...children);
      this.fault.textContent = this.said.textContent = "";
    }

    lead(element) {
      element.tabIndex = -1;
      element.focus();
    }

    hold(held) {
      this.held = held;
      memory.write(held);
    }

    tell(what) {
      const detail = { id: this.held?.id, time: this.held?.time || null };
      this.host.dispatchEvent(new CustomEvent(`callbacksite:${what}`, { bubbles: true, detail }));
    }

    async attempt(button, act) {
      button.disabled = true;
      this.fault.textContent = "";
      this.said.textContent = text("busy");
      try {
        await act();
      } catch (error) {
        this.said.textContent = "";
        if (error instanceof Refused && error.availability && this.times) {
          this.times.offer(Object.keys(error.availability).filter((time) => error.availability[time] > 0));
          this.later?.();
          this.fault.textContent = text(this.times.any ? "full" : "noTimes");
        } else if (error instanceof Refused && error.status === 429) this.fault.textContent = text("tooMany");
        else if (error instanceof Refused) this.fault.textContent = text("failed", { message: error.message });
        else if (error instanceof TypeError) this.fault.textContent = text("offline");
        else this.fault.textContent = error.message;
      } finally {
        button.disabled = false;
      }
    }

    showForm() {
      const number = make("input", {
        type: "tel", id: "number", autocomplete: "tel", required: true, maxlength: 40, "aria-describedby": "help fault",
      });
      const radio = (value, checked) => make("label", {}, make("input", { type: "radio", name: "when", value, checked, onchange: choose }), ` ${text(value)}`);
      const times = (this.times = new Times(() => number.value));
      const later = () => form.querySelector("[value=later]").checked;
      const choose = () => {
        times.element.hidden = !later();
        if (later()) this.attempt(send, () => this.load(times));
      };
      const send = make("button", { class: "main" }, text("send"));
      const form = make(
        "form", { novalidate: true },
        make("div", { class: "field" }, make("label", { for: "number" }, text("number")), number, make("p", { class: "help", id: "help" }, text("numberHelp"))),
        make("fieldset", {}, make("legend", {}, text("when")), radio("now", true), radio("later", false)),
        times.element, send,
      );
      times.element.hidden = true;
      this.later = () => {
        form.querySelector("[value=later]").checked = this.times.any;
        times.element.hidden = !later();
      };
      // The same for every try of one wish.
      let wish = "", key = "";
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        const missing = !/\d.*\d.*\d/.test(number.value);
        number.setAttribute("aria-invalid", missing);
        if (missing) {
          this.fault.textContent = text("numberMissing");
          return number.focus();
        }
        const time = later() ? times.chosen : null;
        if (later() && !time) return void (this.fault.textContent = text("noTimes"));
        const body = { _customer_number: number.value, _customer_timezone: zone, _device_os: "comet", ...(time && { _desired_time: time }) };
        if (wish !== JSON.stringify(body)) [wish, key] = [JSON.stringify(body), Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("-")];
        this.attempt(send, async () => {
          const headers = { "idempotency-key": key, ...(await this.captcha()) };
          const answer = await ask("POST", `callback/${service}`, { body, headers });
          const until = (time ? Date.parse(time) : Date.now()) + HOUR;
          this.hold({ id: answer._id, number: number.value, time, until });
          this.showHeld(true);
          this.tell("booked");
        });
      });
      this.show(form);
    }

    async captcha() {
      if (!said.captcha) return {};
      const token = await window[said.captcha]?.();
      if (!token) throw new Error(text("captcha"));
      return { "x-captcha-token": token };
    }

    async load(times) {
      await times.load();
      this.said.textContent = "";
      if (!times.any) this.fault.textContent = text("noTimes");
    }

    showHeld(isNew = false) {
      const { id, number, time } = this.held;
      const sentence = make("p", {}, time ? text("booked", { number, time: WHOLE.format(new Date(time)) }) : text("coming", { number }));
      this.show(
        sentence,
        make("button", { type: "button", onclick: () => this.showMove() }, text("move")),
        make("button", { type: "button", onclick: () => this.showCancel() }, text("cancel")),
      );
      if (isNew) this.lead(sentence);
      const path = encodeURIComponent(id);
      const look = async () => {
        try {
          const dialog = await ask("GET", `${path}/dialog`);
          if (dialog._action) return this.showAsked(path, dialog);
          if (time) return;
          const place = await ask("GET", `${path}/check-queue-position`);
          const minutes = Math.max(1, Math.ceil(place.ewt / 60));
          if (place.ewt < 10000) this.said.textContent = text("position", { position: place._position, minutes });
        } catch (error) {
          if (error instanceof Refused && error.status !== 429) this.showOver();
        }
      };
      look();
      this.timer = setInterval(() => document.hidden || look(), 10e3);
    }

    showAsked(path, dialog) {
      const question = make("p", {}, dialog._label || text("ready"));
      const yes = make("button", { type: "button", class: "main" }, text("yes"));
      yes.addEventListener("click", () =>
        this.attempt(yes, async () => {
          const answer = await ask("POST", `${path}/connect`);
          if (answer._tel_url) this.showAsked(path, answer);
          else this.showHeld(true);
        }),
      );
      this.show(question, dialog._tel_url ? make("a", { href: dialog._tel_url }, dialog._label) : yes);
      this.lead(question);
      this.tell("asked");
    }

    showMove() {
      const times = (this.times = new Times(() => this.held.number));
      const move = make("button", { class: "main" }, text("move"));
      const form = make("form", {}, times.element, move, make("button", { type: "button", onclick: () => this.showHeld(true) }, text("back")));
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        const time = times.chosen;
        if (!time) return void (this.fault.textContent = text("noTimes"));
        this.attempt(move, async () => {
          await this.change("PUT", { body: { _new_desired_time: time } });
          this.hold({ ...this.held, time, until: Date.parse(time) + HOUR });
          this.showHeld(true);
          this.tell("moved");
        });
      });
      this.show(form);
      this.lead(times.element);
      this.attempt(move, () => this.load(times));
    }

    showCancel() {
      const question = make("p", {}, text("sure"));
      const sure = make("button", { type: "button", class: "main" }, text("cancel"));
      sure.addEventListener("click", () =>
        this.attempt(sure, async () => {
          await this.change("DELETE");
          this.tell("cancelled");
          this.showOver("cancelled");
        }),
      );
      this.show(question, sure, make("button", { type: "button", onclick: () => this.showHeld(true) }, text("back")));
      this.lead(question);
    }

    async change(method, more) {
      try {
        await ask(method, `callback/${service}/${encodeURIComponent(this.held.id)}`, more);
      } catch (error) {
        if (error instanceof Refused && !error.availability && (error.status === 400 || error.status === 404)) error.message = text("over");
        throw error;
      }
    }

    showOver(what = "over") {
      this.hold(null);
      const sentence = make("p", {}, text(what));
      this.show(sentence, make("button", { type: "button", onclick: () => this.showForm() }, text("again")));
      this.lead(sentence);
    }
  }

  class Times {
    constructor(number) {
      this.number = number;
      this.day = make("select", { id: "day", onchange: () => this.list() });
      this.time = make("select", { id: "time" });
      this.element = make("div", { class: "times" }, make("label", { for: "day" }, text("day")), this.day, make("label", { for: "time" }, text("time")), this.time);
      this.days = new Map();
    }

    get any() {
      return this.days.size > 0;
    }

    get chosen() {
      return this.time.value;
    }

    async load() {
      const asked = new URLSearchParams({ "number-of-days": said.days || 14, timezone: zone, _customer_timezone: zone });
      if (this.number()) asked.set("_customer_number", this.number());
      const found = await ask("GET", `callback/${service}/availability?${asked}`, { version: 2 });
      this.offer(found.slots.map((slot) => slot.utcTime));
    }

    offer(times) {
      this.days.clear();
      for (const time of times) {
        const day = DAY.format(new Date(time));
        this.days.set(day, [...(this.days.get(day) || []), time]);
      }
      this.day.replaceChildren(...[...this.days.keys()].map((day) => make("option", {}, day)));
      this.list();
    }

    list() {
      const times = this.days.get(this.day.value) || [];
      this.time.replaceChildren(...times.map((time) => make("option", { value: time }, TIME.format(new Date(time)))));
    }
  }

  const begin = () => {
    const place = said.place ? document.querySelector(said.place) : tag.insertAdjacentElement("afterend", make("div"));
    if (!service || !said.key) console.error("callbacksite.js: data-service and data-key are needed.");
    else if (place) new Widget(place);
    else console.error(`callbacksite.js: there is no ${said.place} on this page.`);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
  else begin();
})();
