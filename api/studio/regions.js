// The brush: which painting goes where in the photograph. One mask a painting, white where it holds.

import { $, el } from "./dom.js";
import { draft } from "./draft.js";
import { call } from "./service.js";

const COLOURS = ["#e8a33d", "#3d9be8", "#d9508a", "#57b894", "#9a6be0", "#c9c13b", "#e0603f", "#6d7f8f"];
const WORKING_PIXELS = 768;
const KEY_STEP = 0.02;

let brush = { style: 0, erase: false, x: 0.5, y: 0.5 };
let changed = () => {};
let photo = null;

/** Open the dialog over the draft's photograph. */
export async function openRegions(onChanged) {
  changed = onChanged;
  photo = await loaded(draft.content.thumb);
  const canvas = $("mask");
  const scale = WORKING_PIXELS / Math.max(photo.naturalWidth, photo.naturalHeight);
  canvas.width = Math.round(photo.naturalWidth * scale);
  canvas.height = Math.round(photo.naturalHeight * scale);
  brush = { style: 0, erase: false, x: 0.5, y: 0.5 };
  $("brushes").replaceChildren(...draft.styles.map(brushChoice), brushChoice({ picture: { name: "Eraser", thumb: "" } }, -1));
  listen(canvas);
  take(0, false);
  $("regions-dialog").showModal();
  canvas.focus();
}

/** Upload the masks that were brushed, and name them as a spec does; where none were, those of the job that is changed. */
export async function regionsOf({ content, styles, masks, regions }) {
  const brushed = styles.map((_, n) => n).filter((n) => masks[n] && !blank(masks[n]));
  if (!brushed.length) return regions;
  return Promise.all(
    brushed.map(async (n) => {
      const canvas = document.createElement("canvas");
      canvas.width = content.width;
      canvas.height = content.height;
      const context = canvas.getContext("2d");
      context.fillRect(0, 0, canvas.width, canvas.height); // black
      context.drawImage(masks[n], 0, 0, canvas.width, canvas.height);
      const form = new FormData();
      form.append("file", await new Promise((resolve) => canvas.toBlob(resolve, "image/png")), "mask.png");
      const upload = await call("POST", "v1/uploads", { form });
      return { style: n, content_mask: { upload_id: upload.id } };
    }),
  );
}

function brushChoice({ picture }, n) {
  const erase = n < 0;
  const input = el("input", { type: "radio", name: "brush", checked: n === 0, onchange: () => take(Math.max(0, n), erase) });
  const swatch = el("span", { className: "swatch" });
  swatch.style.background = erase ? "transparent" : COLOURS[n];
  return el("label", { className: "choice" }, input, el("span", {}, swatch, picture.thumb ? el("img", { src: picture.thumb, alt: "" }) : null, picture.name));
}

function take(style, erase) {
  Object.assign(brush, { style, erase });
  $("fill-mask").disabled = erase;
  redraw();
}

function listen(canvas) {
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    dab(...at(event));
  };
  canvas.onpointermove = (event) => {
    if (canvas.hasPointerCapture(event.pointerId)) dab(...at(event), true);
  };
  canvas.onkeydown = (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const size = { "[": -2, "]": 2 }[event.key];
    if (move) {
      const [x, y] = [brush.x + move[0] * KEY_STEP, brush.y + move[1] * KEY_STEP].map((v) => Math.min(1, Math.max(0, v)));
      if (event.shiftKey) dab(x, y, true);
      Object.assign(brush, { x, y });
      redraw();
    } else if (event.key === " ") dab(brush.x, brush.y);
    else if (size) $("brush-size").value = Number($("brush-size").value) + size;
    else return;
    event.preventDefault();
  };
  $("fill-mask").onclick = () => {
    fill(brush.style);
    redraw();
  };
  $("clear-mask").onclick = () => {
    Object.assign(draft, { masks: [], regions: [] });
    redraw();
  };
  $("regions-dialog").onclose = () => changed();
}

/** Put the brush down at a place, in shares of the picture; `drawn` from where it was. */
function dab(x, y, drawn = false) {
  const { width, height } = $("mask");
  const from = drawn ? [brush.x, brush.y] : [x, y];
  draft.styles.forEach((_, n) => {
    const holds = n === brush.style && !brush.erase;
    if (!holds && !draft.masks[n]) return;
    const context = maskOf(n).getContext("2d");
    context.globalCompositeOperation = holds ? "source-over" : "destination-out";
    context.strokeStyle = "#fff";
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = (Number($("brush-size").value) / 100) * Math.max(width, height);
    context.beginPath();
    context.moveTo(from[0] * width, from[1] * height);
    context.lineTo(x * width + 0.01, y * height);
    context.stroke();
  });
  Object.assign(brush, { x, y });
  redraw();
}

/** Give a painting all that none has. */
function fill(n) {
  const mask = maskOf(n);
  const all = document.createElement("canvas");
  Object.assign(all, { width: mask.width, height: mask.height });
  const context = all.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, all.width, all.height);
  context.globalCompositeOperation = "destination-out";
  draft.masks.forEach((other, m) => other && m !== n && context.drawImage(other, 0, 0));
  mask.getContext("2d").globalCompositeOperation = "source-over";
  mask.getContext("2d").drawImage(all, 0, 0);
}

function maskOf(n) {
  draft.masks[n] ??= Object.assign(document.createElement("canvas"), { width: $("mask").width, height: $("mask").height });
  return draft.masks[n];
}

function redraw() {
  const canvas = $("mask");
  const context = canvas.getContext("2d");
  context.drawImage(photo, 0, 0, canvas.width, canvas.height);
  const tint = Object.assign(document.createElement("canvas"), { width: canvas.width, height: canvas.height });
  const tinted = tint.getContext("2d");
  draft.masks.forEach((mask, n) => {
    if (!mask) return;
    tinted.globalCompositeOperation = "copy";
    tinted.drawImage(mask, 0, 0);
    tinted.globalCompositeOperation = "source-in";
    tinted.fillStyle = COLOURS[n];
    tinted.fillRect(0, 0, tint.width, tint.height);
    context.globalAlpha = 0.6;
    context.drawImage(tint, 0, 0);
    context.globalAlpha = 1;
  });
  context.strokeStyle = brush.erase ? "#fff" : COLOURS[brush.style];
  context.lineWidth = 2;
  context.beginPath();
  context.arc(brush.x * canvas.width, brush.y * canvas.height, (Number($("brush-size").value) / 200) * Math.max(canvas.width, canvas.height), 0, 7);
  context.stroke();
  const names = draft.styles.map((style, n) => (draft.masks[n] ? `${style.picture.name} ${Math.round(100 * covered(draft.masks[n]))} %` : null));
  $("mask-said").textContent = names.filter(Boolean).join(", ") || "Nothing is brushed over yet: all of it is painted.";
}

function covered(mask) {
  const small = Object.assign(document.createElement("canvas"), { width: 32, height: 32 });
  const context = small.getContext("2d", { willReadFrequently: true });
  context.drawImage(mask, 0, 0, 32, 32);
  const { data } = context.getImageData(0, 0, 32, 32);
  let sum = 0;
  for (let n = 3; n < data.length; n += 4) sum += data[n];
  return sum / (255 * 32 * 32);
}

function blank(mask) {
  const { data } = mask.getContext("2d").getImageData(0, 0, mask.width, mask.height);
  for (let n = 3; n < data.length; n += 4) if (data[n]) return false;
  return true;
}

function loaded(src) {
  return new Promise((resolve, reject) => {
    const image = el("img", { onload: () => resolve(image), onerror: () => reject(new Error("The photograph can't be shown here.")) });
    image.src = src;
  });
}
