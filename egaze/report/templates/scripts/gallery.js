// The cards: sorted and filtered; their pictures are filled in when they become visible.

const list = document.getElementById("cards");
const items = [...list.children];
const filters = document.getElementById("filters");
const shownCount = document.getElementById("shown-count");

// Unknown values come last in either direction.
const orders = {
  wrong: (f) => [f.right === false ? 0 : 1, f.confidence],
  error: (f) => [f.error === null ? Infinity : -f.error],
  sure: (f) => [-f.confidence],
  unsure: (f) => [f.confidence],
  disagree: (f) => [f.agreement ?? Infinity],
  agree: (f) => [f.agreement === null ? Infinity : -f.agreement],
  class: (f) => [f.present.length ? report.classes.indexOf(f.present[0]) : Infinity, -f.confidence],
};

const bands = {
  confidence: { low: (f) => f.confidence < 0.5, middle: (f) => f.confidence >= 0.5 && f.confidence < 0.8, high: (f) => f.confidence >= 0.8 },
  agreement: {
    below: (f) => f.agreement !== null && f.centre !== null && f.agreement < f.centre,
    above: (f) => f.agreement !== null && f.centre !== null && f.agreement >= f.centre,
    none: (f) => f.agreement === null,
  },
  answer: { right: (f) => f.right === true, wrong: (f) => f.right === false, none: (f) => f.right === null },
};

function passes(facts) {
  const wanted = Object.fromEntries(new FormData(filters));
  if (wanted.label && !facts.present.includes(report.classes[Number(wanted.label)])) return false;
  if (wanted.probable && !(facts.probs.length && facts.probs[Number(wanted.probable)][1] >= 0.5)) return false;
  if (wanted.predicted && report.classes[Number(wanted.predicted)] !== facts.predicted) return false;
  return Object.entries(bands).every(([name, choices]) => !wanted[name] || choices[wanted[name]](facts));
}

function compare(a, b) {
  for (let place = 0; place < a.key.length; place += 1) {
    if (a.key[place] !== b.key[place]) return a.key[place] < b.key[place] ? -1 : 1;
  }
  return a.number - b.number;
}

function arrange() {
  const key = orders[filters.elements.order.value];
  const sorted = items.map((item, number) => ({ item, number, key: key(radiographs[number]) })).sort(compare);
  let shown = 0;
  for (const { item, number } of sorted) {
    item.hidden = !passes(radiographs[number]);
    shown += item.hidden ? 0 : 1;
    list.append(item);
  }
  shownCount.textContent = shown === radiographs.length ? `${shown} radiographs` : `${shown} of ${radiographs.length} radiographs`;
}

function shownNumbers() {
  return [...list.children].filter((item) => !item.hidden).map((item) => Number(item.dataset.radiograph));
}

async function choose(number) {
  pause();
  const radiograph = await openRadiograph(number);
  const earlier = list.querySelector('[aria-current="true"]');
  if (earlier) earlier.setAttribute("aria-current", "false");
  items[number].querySelector("button").setAttribute("aria-current", "true");
  view.radiograph = radiograph;
  showFacts();
  showMinis();
  showTimeline();
  applyWindow();
  zoomTo(1);
  showScale();
  await showClassHeatmap();
  const numbers = shownNumbers();
  document.getElementById("stage-where").textContent = `${numbers.indexOf(number) + 1} / ${numbers.length}`;
}

// Go to the next or previous radiograph of those shown, wrapping around.
function walk(by) {
  const numbers = shownNumbers();
  if (!numbers.length) return undefined;
  const place = numbers.indexOf(view.radiograph?.number ?? -1);
  return choose(numbers[(place + by + numbers.length) % numbers.length]);
}

async function fillThumb(item) {
  if (item.dataset.filled) return;
  item.dataset.filled = "yes";
  const number = Number(item.dataset.radiograph);
  const drawing = JSON.parse(document.getElementById(`radiograph-${number}`).textContent);
  const thumb = item.querySelector(".thumb");
  const shape = radiographs[number].aspect >= 1 ? "wide" : "tall";
  const radiograph = document.createElement("img");
  radiograph.alt = "";
  radiograph.src = `data:image/jpeg;base64,${drawing.radiograph}`;
  thumb.append(radiograph);
  for (const [name, map] of Object.entries(await decodedMaps(drawing))) {
    map.className = name;
    thumb.append(map);
  }
  for (const part of thumb.children) {
    part.classList.add(shape);
    part.style.aspectRatio = String(radiographs[number].aspect);
  }
}

function prepareGallery() {
  const watcher = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => fillThumb(entry.target)),
    { rootMargin: "300px" },
  );
  items.forEach((item) => {
    watcher.observe(item);
    item.querySelector("button").addEventListener("click", () => {
      choose(Number(item.dataset.radiograph));
      stage.scrollIntoView({ block: "nearest" });
    });
  });
  filters.addEventListener("change", arrange);
  filters.addEventListener("reset", () => setTimeout(arrange));
  document.getElementById("previous").addEventListener("click", () => walk(-1));
  document.getElementById("next").addEventListener("click", () => walk(1));
  arrange();
}
