// What is to be painted, before it is posted: the pictures and the form. It survives a reload.

import { $ } from "./dom.js";

const PLACE = "impasto.draft";

/** Fields of the form that are options of the spec by their own name; empty ones are left to the service. */
const CHOICES = ["preserve_color", "style_distance", "init"];
const NUMBERS = ["size", "iterations", "seed", "tv_weight"];
const LAYERS = ["content_layers", "style_layers"];

/** The pictures: a photograph, and paintings with their weights. A mask is `{canvas}`, kept until the page is left. */
export const draft = { content: null, styles: [], masks: [] };

/** The factor by which the painting counts more than the photograph. */
export const balance = () => 10 ** Number($("balance").value);

/** Write the spec; `regions` are the masks that were uploaded. */
export function spec(regions = []) {
  const ratio = balance();
  const options = { content_weight: 1, style_weight: Number(ratio.toPrecision(3)) };
  for (const name of CHOICES) if ($(name).value && $(name).value !== $(name).dataset.usual) options[name] = $(name).value;
  for (const name of NUMBERS) if ($(name).value !== "") options[name] = $(name).valueAsNumber;
  for (const name of LAYERS) {
    const named = layerInputs(name).filter((input) => input.value !== "");
    if (named.length) options[name] = Object.fromEntries(named.map((input) => [input.dataset.layer, input.valueAsNumber]));
  }
  const output = { format: $("format").value, ...($("film").checked ? { timelapse: {} } : {}) };
  const styles = draft.styles.map(({ picture, weight }) =>
    picture.ref.style_id ? { style_id: picture.ref.style_id, weight } : { image: picture.ref, weight },
  );
  return { kind: "transfer", content: draft.content?.ref ?? null, styles, regions, preset: preset(), options, output };
}

export const preset = () => document.querySelector('input[name="preset"]:checked')?.value ?? "standard";

export const layerInputs = (name) => [...$(name).querySelectorAll("input")];

/** Keep the draft until the tab is closed. */
export function save() {
  const form = Object.fromEntries(fields().map((field) => [field.id, field.type === "checkbox" ? field.checked : field.value]));
  const { content, styles } = draft;
  try {
    sessionStorage.setItem(PLACE, JSON.stringify({ content, styles, form, preset: preset() }));
  } catch {
    // There is no room for so many thumbnails: then the draft lasts only as long as the page.
  }
}

/** Take up what was kept; says whether there was anything. */
export function restore() {
  const kept = JSON.parse(sessionStorage.getItem(PLACE) ?? "null");
  if (!kept) return false;
  Object.assign(draft, { content: kept.content, styles: kept.styles, masks: [] });
  fill(kept.form, kept.preset);
  return true;
}

/** Take up the spec of a job, to be changed; `inputs` are its pictures. */
export function takeUp(spec, inputs) {
  const at = (pointer) => inputs.find((input) => input.pointer === pointer);
  const picture = (ref, pointer, name) => {
    const input = at(pointer);
    return { ref, name, thumb: input?.url ?? "", width: input?.width ?? 0, height: input?.height ?? 0 };
  };
  draft.content = spec.content && picture(spec.content, "/content", "photograph");
  draft.styles = spec.styles.map((style, n) => ({
    weight: style.weight,
    picture: picture(style.style_id ? { style_id: style.style_id } : style.image, `/styles/${n}/image`, `painting ${n + 1}`),
  }));
  draft.masks = [];
  const { options } = spec;
  const ratio = options.style_weight / (options.content_weight || 1e-9);
  const form = {
    ...Object.fromEntries([...NUMBERS, ...CHOICES].map((name) => [name, options[name] ?? ""])),
    balance: Math.log10(ratio || 1e-9).toFixed(1),
    format: spec.output.format,
    film: Boolean(spec.output.timelapse),
  };
  if (form.init === "content") form.init = "";
  for (const name of LAYERS) for (const [layer, weight] of Object.entries(options[name] ?? {})) form[`${name}-${layer}`] = weight;
  for (const field of fields()) if (field.dataset.layer) field.value = "";
  fill(form, spec.preset);
  save();
}

function fill(form, chosen) {
  for (const field of fields()) {
    if (!(field.id in form)) continue;
    if (field.type === "checkbox") field.checked = form[field.id];
    else field.value = form[field.id];
  }
  const radio = document.querySelector(`input[name="preset"][value="${chosen}"]`);
  if (radio) radio.checked = true;
}

function fields() {
  return [...$("compose").querySelectorAll("input, select")].filter((field) => field.id && !["file", "radio"].includes(field.type));
}
