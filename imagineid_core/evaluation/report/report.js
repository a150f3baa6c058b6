// The page works without this script, but for films that play in time with one another and with
// the curves, tables that can be sorted, and JSON saved from the page itself.
"use strict";

const element = (name, properties, ...inside) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...inside);
  return made;
};

/** Film and reference as one: what the first does the second does, half a frame apart at most. */
const together = (box) => {
  const [film, other] = box.querySelectorAll("video");
  const fps = Number(box.dataset.fps);
  const count = Number(box.dataset.frames);
  const clip = box.closest(".clip") || document;
  const charts = [...clip.querySelectorAll(".now")];
  const both = other ? [film, other] : [film];

  const play = element("button", { type: "button" }, other ? "Play both" : "Play");
  const back = element("button", { type: "button", ariaLabel: "one frame back" }, "◂");
  const on = element("button", { type: "button", ariaLabel: "one frame on" }, "▸");
  const place = element("input", { type: "range", min: 0, max: count - 1, value: 0, step: 1,
    ariaLabel: "frame" });
  const told = element("output", {});
  const speeds = ["1", "0.5", "0.25"].map((one) => element("option", { value: one }, `× ${one}`));
  const speed = element("select", { ariaLabel: "speed" }, ...speeds);
  const loop = element("input", { type: "checkbox" });
  const controls = box.querySelector(".controls");
  controls.append(play, back, on, place, told, speed, element("label", {}, loop, " repeat"));
  const sounds = [...both.map((one) => one.dataset.kind), "off"].map((name, value) =>
    element("option", { value }, name));
  const sound = element("select", {}, ...sounds);
  sound.onchange = () => both.forEach((one, number) => { one.muted = number !== +sound.value; });
  controls.append(element("label", {}, "sound ", sound));
  if (box.requestFullscreen) {
    const large = element("button", { type: "button" }, "Full screen");
    large.onclick = () => (document.fullscreenElement ? document.exitFullscreen()
      : box.requestFullscreen().catch(() => {}));
    controls.append(large);
  }
  controls.hidden = false;
  for (const one of both) {
    one.controls = false;  // they would lie over the lips
    one.muted = one !== film;
    one.onclick = () => play.click();
  }

  const frame = () => Math.min(count - 1, Math.floor(film.currentTime * fps + 1e-3));
  const show = () => {
    const now = frame();
    place.value = now;
    place.ariaValueText = told.value = `frame ${now} of ${count}`;
    for (const line of charts) {
      const { left, right, first, last } = line.dataset;
      const x = +left + Math.max(0, now - first) / Math.max(1, last - first) * (right - left);
      line.setAttribute("transform", `translate(${(Math.min(x, right) - left).toFixed(1)} 0)`);
      line.style.visibility = "visible";
    }
  };
  const seek = (number) => {
    film.currentTime = (Math.max(0, Math.min(count - 1, number)) + 0.5) / fps;
  };
  const follow = () => {
    if (!other) return;
    const apart = other.currentTime - film.currentTime;
    const end = other.duration || Infinity;
    if (Math.abs(apart) > 2 / fps || film.paused) {
      if (Math.abs(apart) > 1e-3) other.currentTime = Math.min(film.currentTime, end);
      other.playbackRate = film.playbackRate;
    } else {  // run a little faster or slower, which is seen less than a jump
      other.playbackRate = film.playbackRate * (Math.abs(apart) < 0.2 / fps ? 1 : 1 - apart * 4);
    }
  };
  const run = () => {
    follow();
    show();
    if (!film.paused) requestAnimationFrame(run);
  };
  film.addEventListener("play", () => {
    play.textContent = "Pause";
    if (other && other.currentTime < (other.duration || 0) - 0.01) other.play().catch(() => {});
    run();
  });
  film.addEventListener("pause", () => {
    play.textContent = other ? "Play both" : "Play";
    if (other) other.pause();
    run();
  });
  film.addEventListener("seeking", () => { follow(); show(); });
  film.addEventListener("seeked", () => {
    follow();
    show();
    if (other && !film.paused && other.paused) other.play().catch(() => {});
  });
  film.addEventListener("ratechange", () => { speed.value = String(film.playbackRate); });
  for (const one of both) {
    one.addEventListener("error", () => {
      const said = element("p", { className: "note" }, "This browser cannot play this film.");
      if (!one.nextElementSibling.matches(".note")) one.after(said);
    });
  }
  play.onclick = () => (film.paused ? film.play() : film.pause());
  back.onclick = () => { film.pause(); seek(frame() - 1); };
  on.onclick = () => { film.pause(); seek(frame() + 1); };
  place.oninput = () => { film.pause(); seek(+place.value); };
  speed.onchange = () => { film.playbackRate = +speed.value; };
  loop.onchange = () => { film.loop = loop.checked; };

  for (const line of charts) {
    const chart = line.ownerSVGElement;
    chart.classList.add("seeks");
    chart.addEventListener("click", (event) => {
      const { left, right, first, last } = line.dataset;
      const x = new DOMPoint(event.clientX, event.clientY)
        .matrixTransform(chart.getScreenCTM().inverse()).x;
      seek(Math.round(+first + (x - left) / (right - left) * (last - first)));
    });
  }
  const sheet = clip.querySelector(".sheet img");
  if (sheet) {
    const numbers = sheet.dataset.frames.split(" ");
    sheet.addEventListener("click", (event) => {
      const share = event.offsetX / sheet.clientWidth;
      seek(+numbers[Math.min(numbers.length - 1, Math.floor(share * numbers.length))]);
    });
  }
  const begin = () => seek(0);  // shows the first frame, which not every browser does before
  if (film.readyState) begin();
  else film.addEventListener("loadedmetadata", begin, { once: true });
  if (other) other.addEventListener("loadedmetadata", follow);
  clip.addEventListener("toggle", () => both.forEach((one) => { one.preload = "metadata"; }));
  show();
};

/** A click on a head sorts by its column; once more turns it round. */
const sortable = (grid) => {
  const body = grid.tBodies[0];
  [...grid.tHead.rows[0].cells].forEach((head, column) => {
    const button = element("button", { type: "button", title: "sort" }, head.textContent);
    head.replaceChildren(button);
    button.onclick = () => {
      const down = head.ariaSort !== "descending";
      for (const one of grid.tHead.rows[0].cells) one.ariaSort = null;
      head.ariaSort = down ? "descending" : "ascending";
      const told = (row) => row.cells[column].textContent;
      const rows = [...body.rows].sort((one, two) => {
        const [a, b] = [told(one), told(two)];
        const apart = Number.isNaN(a - b) ? a.localeCompare(b) : a - b;
        return down ? -apart : apart;
      });
      body.append(...rows);
    };
  });
};

/** JSON from the page itself, so that the page alone is enough. */
const saved = (link) => {
  const data = document.getElementById(link.dataset.json);
  link.onclick = () => {
    const text = JSON.stringify(JSON.parse(data.textContent), null, 1) + "\n";
    const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.href = address;
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  };
};

/** What is linked to is opened. */
const unfold = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  for (let one = target; one; one = one.parentElement) if (one.tagName === "DETAILS") one.open = true;
  if (target) target.scrollIntoView();
};

document.querySelectorAll(".players").forEach(together);
document.querySelectorAll("table.sortable").forEach(sortable);
document.querySelectorAll("a[data-json]").forEach(saved);
window.addEventListener("hashchange", unfold);
unfold();
