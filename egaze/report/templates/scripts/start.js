// Starts the gallery.

document.getElementById("room").hidden = false;
filters.hidden = false;
preparePanel();
prepareHands();
prepareGallery();
addEventListener("beforeprint", () => items.forEach(fillThumb));
new ResizeObserver(resizeStage).observe(stage);
resizeStage();
choose(shownNumbers()[0]);
