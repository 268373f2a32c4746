// Pictures that are chosen: shown at once, uploaded at once, and kept through a reload.

import { call } from "./service.js";

const THUMB_PIXELS = 480;

/**
 * A picture for a job: what the spec names it by, and what is shown of it.
 *
 * @typedef {{ref: object, name: string, thumb: string, width: number, height: number}} Picture
 */

/** Upload a file, and give the picture; throws `Problem` where the service refuses it. */
export async function brought(file) {
  const form = new FormData();
  form.append("file", file, file.name);
  const [upload, thumb] = await Promise.all([call("POST", "v1/uploads", { form }), thumbnail(file)]);
  return { ref: { upload_id: upload.id }, name: file.name, thumb, width: upload.width, height: upload.height };
}

/**
 * Bring a picture of a job once more: what was uploaded is forgotten in a day, but a job keeps its own. A kept style stays
 * one for as long as it is kept.
 */
export async function again(jobId, spec, { pointer, url, width, height }) {
  const style = spec.styles[pointer.match(/^\/styles\/(\d+)\/image$/)?.[1]];
  const picture = { thumb: url, width, height };
  const gone = (problem) => {
    if (problem.status !== 404) throw problem;
  };
  if (style?.style_id && (await call("GET", `v1/styles/${style.style_id}`).catch(gone))) return { ref: { style_id: style.style_id }, ...picture };
  const upload = await call("POST", "v1/uploads", { json: { job_id: jobId, pointer } });
  return { ref: { upload_id: upload.id }, ...picture };
}

/** Take a painting that the service keeps. */
export function kept(style) {
  return { ref: { style_id: style.id }, name: style.name, thumb: style.url, width: style.width, height: style.height };
}

/** Take one of the studio's own examples: it is uploaded like any other file. */
export async function example(name, title) {
  const answer = await fetch(`studio/examples/${name}.webp`);
  if (!answer.ok) throw new Error("The example can't be had.");
  return brought(new File([await answer.blob()], title, { type: "image/webp" }));
}

/** Make a small picture of a file, as a data URL that survives a reload; "" of what this browser can't show. */
async function thumbnail(file) {
  try {
    const bitmap = await createImageBitmap(file);
    const scale = Math.min(1, THUMB_PIXELS / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.max(1, Math.round(bitmap.width * scale));
    canvas.height = Math.max(1, Math.round(bitmap.height * scale));
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    bitmap.close();
    return canvas.toDataURL("image/webp", 0.85);
  } catch {
    return "";
  }
}

/** Let files be dropped on a place, or chosen in the input that it holds; `took` gets the list. */
export function receiving(place, took) {
  const input = place.querySelector("input");
  input.addEventListener("change", () => {
    const files = [...input.files];
    input.value = ""; // so that the same file may be chosen again
    if (files.length) took(files);
  });
  place.addEventListener("dragover", (event) => {
    event.preventDefault();
    place.classList.add("over");
  });
  place.addEventListener("dragleave", () => place.classList.remove("over"));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    place.classList.remove("over");
    const files = [...event.dataTransfer.files];
    if (files.length) took(files);
  });
}
