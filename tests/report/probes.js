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

  // Words, and lines and dots of plots, whose contrast with what is behind them is below WCAG 2.2's AA: 4.5, 3 for large
  // words and for what is drawn.
  pale() {
    const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const over = (below, colour, opacity = 1) => {
      pen.globalAlpha = 1;
      pen.fillStyle = `rgb(${below.join(" ")})`;
      pen.fillRect(0, 0, 1, 1);
      pen.globalAlpha = opacity;
      pen.fillStyle = colour;
      pen.fillRect(0, 0, 1, 1);
      return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const luminance = (colour) => {
      const [red, green, blue] = colour
        .map((level) => level / 255)
        .map((share) => (share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4));
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const upwards = (element) => (element ? [...upwards(element.parentElement), element] : []);
    const behind = (element) =>
      upwards(element).reduce((below, e) => over(below, getComputedStyle(e).backgroundColor), [255, 255, 255]);
    const opacity = (element) => upwards(element).reduce((all, e) => all * Number(getComputedStyle(e).opacity), 1);
    const ratio = (element, colour) => {
      const ground = behind(element);
      const [low, high] = [luminance(ground), luminance(over(ground, colour, opacity(element)))].sort((a, b) => a - b);
      return (high + 0.05) / (low + 0.05);
    };
    const seen = (e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest(".unseen, :disabled, .none, .skip");
    const found = [];
    const words = [...document.querySelectorAll("body *")].filter(
      (e) => seen(e) && !["SCRIPT", "STYLE", "TITLE", "DESC", "OPTION"].includes(e.tagName) &&
        [...e.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()),
    );
    for (const e of words) {
      const style = getComputedStyle(e);
      const size = parseFloat(style.fontSize);
      const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
      const contrast = ratio(e, e.closest("svg") ? style.fill : style.color);
      if (contrast < (isLarge ? 3 : 4.5)) found.push(`${contrast.toFixed(2)}: ${e.outerHTML.slice(0, 100)}`);
    }
    const drawn = [...document.querySelectorAll("main svg .line, main svg .dot")].filter((e) => seen(e));
    for (const e of drawn) {
      const style = getComputedStyle(e);
      const contrast = ratio(e, e.matches(".dot") ? style.fill : style.stroke);
      if (contrast < 3) found.push(`${contrast.toFixed(2)}: ${e.outerHTML.slice(0, 100)}`);
    }
    return { looked_at: words.length + drawn.length, found };
  },

  // What is cut off at the right of a printed page, or a picture that is higher than a page, so that a break
  // cuts it; figures break between their plots, and tables between their rows.
  cut(pageHeight) {
    return [...document.querySelectorAll("main figure, main svg, main table, main canvas, main img, main pre, .room")]
      .filter((e) => e.checkVisibility() && !e.closest(".unseen"))
      .filter((e) => {
        const place = e.getBoundingClientRect();
        const breaks = ["FIGURE", "TABLE", "PRE"].includes(e.tagName);
        return place.right > innerWidth + 1 || (!breaks && place.height > pageHeight);
      })
      .map((e) => e.outerHTML.slice(0, 100));
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
