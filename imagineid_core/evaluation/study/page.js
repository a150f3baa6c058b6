// What a rater sees and does. Scores stay in this browser until they are saved to a file.
(() => {
  const study = JSON.parse(document.getElementById("study").textContent);
  const place = `imagineid-study-${study.study}`;
  const at = (id) => document.getElementById(id);
  const film = at("film");

  let rater = kept() || newRater();
  let order = orderOf(study.clips, rater.seed);

  function newRater() {
    const [seed, ...name] = crypto.getRandomValues(new Uint32Array(3));
    return {
      name: name.map((part) => part.toString(16).padStart(8, "0")).join(""),
      seed,
      started: null,
      index: 0, // of the clip that is shown; their number when all are behind
      played: {}, // file: true, once it was played to its end
      unplayable: {}, // file: true
      scores: {}, // file: {question: 1 to 5}
    };
  }

  function kept() {
    try {
      return JSON.parse(localStorage.getItem(place));
    } catch {
      return null;
    }
  }

  function keep() {
    try {
      localStorage.setItem(place, JSON.stringify(rater));
    } catch {
      at("unkept").hidden = false;
    }
  }

  function show() {
    const { started, index } = rater;
    at("welcome").hidden = started !== null;
    at("rating").hidden = started === null || index === order.length;
    at("end").hidden = started === null || index < order.length;
    if (started === null) showWelcome();
    else if (index < order.length) showClip();
    else showEnd();
  }

  function showWelcome() {
    const minutes = Math.round(study.seconds / 60);
    at("count").textContent = order.length;
    at("length").textContent =
      minutes < 1
        ? "Played once, they take less than a minute together."
        : `Played once, they take about ${minutes} minute${minutes === 1 ? "" : "s"} together.`;
  }

  function showClip() {
    const file = order[rater.index];
    for (const id of ["missing", "broken"]) at(id).hidden = true;
    at("place").textContent = `Clip ${rater.index + 1} of ${order.length}`;
    at("bar").max = order.length;
    at("bar").value = rater.index;
    at("back").disabled = rater.index === 0;
    at("next").textContent = rater.index + 1 < order.length ? "Next" : "Finish";
    for (const { name } of study.questions) {
      const score = rater.scores[file]?.[name];
      for (const box of boxes(name)) box.checked = Number(box.value) === score;
    }
    if (film.getAttribute("src") !== `clips/${file}`) film.src = `clips/${file}`;
    showPlaying();
  }

  function showPlaying() {
    at("play").textContent = film.ended ? "Play again" : film.paused ? "Play" : "Pause";
  }

  function showEnd() {
    film.pause();
    const whole = order.filter((file) => !unanswered(file).length).length;
    at("given").textContent = `You answered all questions for ${whole} of ${order.length} clips.`;
    at("saved").hidden = true;
  }

  function goTo(index) {
    rater.index = index;
    keep();
    show();
    (index < order.length ? at("place") : at("thanks")).focus();
    scrollTo(0, 0);
    // A browser may refuse to play unasked; then the rater presses play.
    if (index < order.length && !rater.played[order[index]]) play();
  }

  const play = () => film.play().catch(() => {});

  const boxes = (name) => at("answers").elements[name];
  const unanswered = (file) =>
    study.questions.filter(({ name }) => rater.scores[file]?.[name] === undefined);

  function score(name, value) {
    const file = order[rater.index];
    rater.scores[file] = { ...rater.scores[file], [name]: value };
    delete rater.unplayable[file];
    at("missing").hidden = true;
    keep();
  }

  function askFor(text, element) {
    at("missing").textContent = text;
    at("missing").hidden = false;
    element.focus();
  }

  function goOn() {
    const file = order[rater.index];
    const open = unanswered(file);
    if (!rater.played[file]) {
      askFor("Please play the clip to its end first.", at("play"));
    } else if (open.length) {
      const many = open.length === 1 ? "One question has" : `${open.length} questions have`;
      askFor(`${many} no answer yet.`, boxes(open[0].name)[0]);
    } else {
      goTo(rater.index + 1);
    }
  }

  /** What is saved: the clips that were answered or did not play, in the order they were shown. */
  function told() {
    const clips = order
      .filter((file) => rater.scores[file] || rater.unplayable[file])
      .map((file) =>
        rater.unplayable[file]
          ? { clip: file, unplayable: true }
          : { clip: file, scores: rater.scores[file] },
      );
    return {
      format: study.format,
      version: study.version,
      study: study.study,
      rater: rater.name,
      seed: rater.seed,
      started: rater.started,
      saved: new Date().toISOString(),
      clips,
    };
  }

  function save() {
    const link = document.createElement("a");
    const text = JSON.stringify(told(), null, 1) + "\n";
    link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    link.download = `scores_${rater.name}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    at("saved").textContent = `${link.download} is in your downloads.`;
    at("saved").hidden = false;
  }

  function startForAnother() {
    const sure = "The scores of this person are removed from this browser. Are they saved?";
    if (!confirm(sure)) return;
    rater = newRater();
    order = orderOf(study.clips, rater.seed);
    keep();
    show();
    at("start").focus();
  }

  function addQuestion({ name, asked }) {
    const group = document.createElement("fieldset");
    const legend = group.appendChild(document.createElement("legend"));
    legend.textContent = asked;
    const scale = group.appendChild(document.createElement("div"));
    scale.className = "scale";
    study.scale.forEach((word, index) => {
      const label = scale.appendChild(document.createElement("label"));
      const box = label.appendChild(document.createElement("input"));
      Object.assign(box, { type: "radio", name, value: String(index + 1) });
      label.appendChild(document.createElement("b")).textContent = box.value;
      label.appendChild(document.createElement("span")).textContent = word;
    });
    group.addEventListener("change", (event) => score(name, Number(event.target.value)));
    group.addEventListener("keydown", (event) => {
      const box = [...boxes(name)].find(({ value }) => value === event.key);
      if (!box || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      box.focus();
      box.click();
    });
    at("questions").appendChild(group);
  }

  study.questions.forEach(addQuestion);
  at("start").addEventListener("click", () => {
    rater.started = new Date().toISOString();
    goTo(0);
  });
  at("answers").addEventListener("submit", (event) => {
    event.preventDefault();
    goOn();
  });
  at("back").addEventListener("click", () => goTo(rater.index - 1));
  at("stop").addEventListener("click", () => goTo(order.length));
  at("again").addEventListener("click", () => {
    const open = order.findIndex((file) => !rater.unplayable[file] && unanswered(file).length);
    goTo(open < 0 ? order.length - 1 : open);
  });
  at("save").addEventListener("click", save);
  at("another").addEventListener("click", startForAnother);
  at("unplayable").addEventListener("click", () => {
    const file = order[rater.index];
    rater.unplayable[file] = true;
    delete rater.scores[file];
    goTo(rater.index + 1);
  });
  at("play").addEventListener("click", () => (film.paused ? play() : film.pause()));
  for (const event of ["play", "pause", "ended", "emptied"]) {
    film.addEventListener(event, showPlaying);
  }
  film.addEventListener("ended", () => {
    rater.played[order[rater.index]] = true;
    at("missing").hidden = true;
    keep();
  });
  film.addEventListener("error", () => {
    at("broken").hidden = false;
  });
  addEventListener("storage", (event) => {
    if (event.key !== place || !event.newValue) return; // another tab of this page
    rater = JSON.parse(event.newValue);
    order = orderOf(study.clips, rater.seed);
    show();
  });

  keep();
  show();
})();
