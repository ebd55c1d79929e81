// Pointer and keys on the stage. Keys work only while the stage has the focus.

const keyActions = {
  ArrowLeft: () => panBy(60, 0),
  ArrowRight: () => panBy(-60, 0),
  ArrowUp: () => panBy(0, 60),
  ArrowDown: () => panBy(0, -60),
  "+": () => zoomTo(view.zoom * 1.25),
  "=": () => zoomTo(view.zoom * 1.25),
  "-": () => zoomTo(view.zoom / 1.25),
  0: () => zoomTo(1),
  " ": () => (playback.playing ? pause() : play()),
  ".": () => stepFixation(1),
  ",": () => stepFixation(-1),
  "[": () => walk(-1),
  "]": () => walk(1),
  h: toggleOverlay,
  H: toggleOverlay,
};

function prepareHands() {
  stage.addEventListener("keydown", (event) => {
    const action = keyActions[event.key];
    if (!action || !view.radiograph || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  });
  // Unless the stage has the focus, the wheel scrolls the page.
  stage.addEventListener(
    "wheel",
    (event) => {
      if (document.activeElement !== stage && !event.ctrlKey) return;
      event.preventDefault();
      zoomTo(view.zoom * Math.exp(-event.deltaY / 400), pointerPlace(event));
    },
    { passive: false },
  );
  stage.addEventListener("pointerdown", (event) => stage.setPointerCapture(event.pointerId));
  stage.addEventListener("pointermove", (event) => {
    if (!event.buttons || !view.radiograph) return;
    const windowing = event.buttons === 2 || event.shiftKey;
    if (windowing) setWindow(view.level - event.movementY / 600, view.width + event.movementX / 600);
    else panBy(event.movementX * devicePixelRatio, event.movementY * devicePixelRatio);
  });
  stage.addEventListener("contextmenu", (event) => event.preventDefault());
  stage.addEventListener("dblclick", (event) => zoomTo(view.zoom > 1 ? 1 : 2.5, pointerPlace(event)));
  playButton.addEventListener("click", () => (playback.playing ? pause() : play()));
  scrubber.addEventListener("input", () => {
    if (view.opacity.fixations === 0) setOpacity("fixations", 1);
    pause();
    seek(Number(scrubber.value));
  });
}

function pointerPlace(event) {
  const side = stage.getBoundingClientRect();
  return { x: (event.clientX - side.left) * devicePixelRatio, y: (event.clientY - side.top) * devicePixelRatio };
}
