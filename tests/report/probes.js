// What the browser tests ask of an open report.

const probes = {
  // Controls and pictures without a name for a screen reader.
  nameless() {
    const named = (element) =>
      element.labels?.length ||
      element.getAttribute("aria-label") ||
      element.getAttribute("aria-labelledby") ||
      element.textContent.trim();
    const asked = "button, input, select, svg[role=img], [role=group], [role=region]";
    return [...document.querySelectorAll(asked)].filter((e) => !named(e)).map((e) => e.outerHTML.slice(0, 120));
  },

  // References to elements that are not there.
  dangling() {
    const attributes = ["aria-labelledby", "aria-describedby", "for", "href"];
    return [...document.querySelectorAll("[aria-labelledby], [aria-describedby], label[for], a[href^='#']")]
      .flatMap((e) => attributes.flatMap((name) => (e.getAttribute(name) ?? "").replace("#", "").split(" ")))
      .filter((id) => id && !document.getElementById(id));
  },

  // Contrast of words and of the charts' series on the page, and the page's luminance (WCAG 2.2).
  contrasts() {
    const style = getComputedStyle(document.documentElement);
    const probe = document.body.appendChild(document.createElement("i"));
    const luminance = (name) => {
      probe.style.color = style.getPropertyValue(name);
      const pen = new OffscreenCanvas(1, 1).getContext("2d");
      pen.fillStyle = getComputedStyle(probe).color;
      pen.fillRect(0, 0, 1, 1);
      const [red, green, blue] = [...pen.getImageData(0, 0, 1, 1).data]
        .map((level) => level / 255)
        .map((share) => (share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4));
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const ratio = (name) => {
      const [low, high] = [luminance(name), luminance("--page")].sort((a, b) => a - b);
      return (high + 0.05) / (low + 0.05);
    };
    const words = ["--ink", "--soft", "--accent", "--bad", "--good"].map(ratio);
    const series = [0, 1, 2, 3, 4, 5, 6].map((number) => ratio(`--s${number}`));
    const found = { words: Math.min(...words), series: Math.min(...series), page: luminance("--page") };
    probe.remove();
    return found;
  },

  // What the report holds that takes no room, or is cut off at the right.
  hidden() {
    const asked = "h2, h3, p, table, svg[role=img], pre, dl, canvas, .thumb img".split(", ").map((s) => `main ${s}`);
    return [...document.querySelectorAll(asked.join(", "))]
      .filter((e) => !e.closest("[hidden], noscript, .keys, .unseen") && e.id !== "spoken")
      .filter((e) => e.textContent.trim() || ["IMG", "CANVAS"].includes(e.tagName))
      .filter((e) => {
        const place = e.getBoundingClientRect();
        return !(place.width > 0 && place.height > 0 && place.right <= innerWidth + 1);
      })
      .map((e) => e.outerHTML.slice(0, 120));
  },

  // The stage, made small: its pixels' levels.
  stage() {
    const small = new OffscreenCanvas(64, 64).getContext("2d");
    small.drawImage(document.querySelector("#stage canvas"), 0, 0, 64, 64);
    return [...small.getImageData(0, 0, 64, 64).data];
  },

  // The first and the last colour of the colour bar.
  scaleEnds() {
    return [0, 255].map((x) => {
      const one = new OffscreenCanvas(1, 1).getContext("2d");
      one.drawImage(document.getElementById("scale-bar"), -x, 0);
      return [...one.getImageData(0, 0, 1, 1).data].slice(0, 3);
    });
  },
};
