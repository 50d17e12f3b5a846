"use strict";
// Maps: the example under the pointer, and its category in the light. All text is set as text.
const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
document.body.append(tip);

function showTip(data, i, x, y) {
  tip.replaceChildren();
  if (data.cell[i] >= 0) {
    const picture = document.createElement("div");
    picture.className = "picture";
    picture.style.backgroundImage = `url(${data.sheet})`;
    picture.style.backgroundSize = `${data.columns * 100}% ${data.rows * 100}%`;
    const column = data.cell[i] % data.columns, row = Math.floor(data.cell[i] / data.columns);
    const share = (at, count) => count > 1 ? `${100 * at / (count - 1)}%` : "0";
    picture.style.backgroundPosition = `${share(column, data.columns)} ${share(row, data.rows)}`;
    tip.append(picture);
  } else if (data.text[i]) {
    const text = document.createElement("p");
    text.textContent = data.text[i];
    tip.append(text);
  }
  for (const [tag, words] of [["b", data.categories[data.label[i]]], ["span", data.modalities[data.modality[i]]]]) {
    const line = document.createElement(tag);
    line.textContent = words;
    tip.append(line);
  }
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  const free = document.documentElement;
  tip.style.left = `${Math.max(4, Math.min(x + 16, free.clientWidth - box.width - 4))}px`;
  tip.style.top = `${y + 16 + box.height > free.clientHeight ? Math.max(4, y - box.height - 16) : y + 16}px`;
}

function openMap(map) {
  const data = JSON.parse(document.getElementById(map.dataset.examples).textContent);
  const places = map.dataset.places.split(" ").map(value => value / 10000);
  const planes = [...map.querySelectorAll(".plane")].map(plane => {
    const canvas = document.createElement("canvas");
    plane.append(canvas);
    return {plane, canvas};
  });

  function light(label, chosen) {  // the others fade; null brings them back
    for (const {plane, canvas} of planes) {
      const side = plane.clientWidth, scale = window.devicePixelRatio || 1;
      canvas.width = canvas.height = side * scale;
      if (label === null) continue;
      const pen = canvas.getContext("2d");
      pen.scale(scale, scale);
      pen.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--paper");
      pen.globalAlpha = 0.72;
      pen.fillRect(0, 0, side, side);
      pen.globalAlpha = 1;
      data.label.forEach((value, i) => {
        if (value !== label) return;
        pen.beginPath();
        pen.arc(places[2 * i] * side, places[2 * i + 1] * side, i === chosen ? 7 : 4, 0, 7);
        pen.fillStyle = data.colours[data.modality[i]];
        pen.fill();
      });
    }
  }

  const choice = document.createElement("select");
  choice.setAttribute("aria-label", "category in the light");
  const present = new Set(data.label);
  const options = [["", "all categories"], ...data.categories.map((name, i) => [i, name]).filter(([i]) => present.has(i))];
  for (const [value, name] of options) choice.append(new Option(name, value));
  choice.addEventListener("change", () => rest());
  const rest = () => { tip.hidden = true; light(choice.value === "" ? null : Number(choice.value), -1); };
  map.after(choice);

  for (const {plane} of planes) {
    const point = event => {
      const box = plane.getBoundingClientRect(), side = box.width;
      const x = event.clientX - box.left, y = event.clientY - box.top;
      let best = -1, least = event.pointerType === "mouse" ? 144 : 900;  // squared pixels
      for (let i = 0; i < data.label.length; i++) {
        const far = (places[2 * i] * side - x) ** 2 + (places[2 * i + 1] * side - y) ** 2;
        if (far < least) { best = i; least = far; }
      }
      if (best < 0) return rest();
      light(data.label[best], best);
      showTip(data, best, event.clientX, event.clientY);
    };
    plane.addEventListener("pointermove", point);
    plane.addEventListener("pointerdown", point);
    plane.addEventListener("pointerleave", event => { if (event.pointerType === "mouse") rest(); });
  }
  document.addEventListener("pointerdown", event => { if (!map.contains(event.target)) rest(); });
  window.addEventListener("resize", rest);
}

document.querySelectorAll(".map").forEach(openMap);
