// What is to be painted, before it is posted: the pictures and the form. It survives a reload.

import { $ } from "./dom.js";

const PLACE = "impasto.draft";

/** Fields of the form that are options of the spec by their own name; empty ones are left to the service. */
const CHOICES = ["preserve_color", "style_distance", "init"];
const NUMBERS = ["size", "iterations", "seed", "tv_weight"];
const LAYERS = ["content_layers", "style_layers"];

/** What the service takes where nothing is said, of options that the form has no field for. */
const USUAL = { normalization: "mean", network: "vgg16", pooling: "max", padding: "replicate", optimizer: "lbfgs", tolerance: null };
const USUAL_OUTPUT = { quality: 95, bits: 8, background: null };

/**
 * The pictures: a photograph, and paintings with their weights and scales; their masks, canvases that are kept until the
 * page is left; and of a job that is to be changed, its `regions`, and `rest` and `output`, what it says beyond the form.
 */
export const draft = { content: null, styles: [], masks: [], regions: [], rest: {}, output: {} };

/** The factor by which the painting counts more than the photograph. */
export const balance = () => 10 ** Number($("balance").value);

/** Write the spec; `regions` name their masks, which were uploaded. */
export function spec(regions = []) {
  const ratio = balance();
  const options = { ...draft.rest, content_weight: 1, style_weight: Number(ratio.toPrecision(3)) };
  for (const name of CHOICES) if ($(name).value && $(name).value !== $(name).dataset.usual) options[name] = $(name).value;
  for (const name of NUMBERS) if ($(name).value !== "") options[name] = $(name).valueAsNumber;
  for (const name of LAYERS) {
    const weight = (input) => input.value || input.placeholder; // what is shown is what is meant
    const inputs = layerInputs(name);
    if (inputs.every((input) => input.value === "")) continue;
    options[name] = Object.fromEntries(inputs.filter(weight).map((input) => [input.dataset.layer, Number(weight(input))]));
  }
  const format = $("format").value;
  const more = draft.output.format === format ? draft.output : {};
  const output = { ...more, format, ...($("film").checked ? { timelapse: {} } : {}) };
  // With regions, only paintings that one of them has are named, and their weights say nothing.
  const used = regions.length ? regions.map(({ style }) => style) : draft.styles.map((_, n) => n);
  const styles = used.map((n) => styled(draft.styles[n], regions.length > 0));
  const placed = regions.map((region, n) => ({ ...region, style: n }));
  return { kind: "transfer", content: draft.content?.ref ?? null, styles, regions: placed, preset: preset(), options, output };
}

function styled({ picture: { ref }, weight, scale = 1 }, alone) {
  const image = ref.style_id ? { style_id: ref.style_id } : { image: ref };
  return { ...image, ...(alone ? {} : { weight }), ...(scale === 1 ? {} : { scale }) };
}

/** Say which options of an earlier job hold that the form doesn't show. */
export const beyondForm = () => Object.entries({ ...draft.rest, ...draft.output }).filter(([name]) => name !== "format");

/** Begin anew. */
export function clear() {
  Object.assign(draft, { content: null, styles: [], masks: [], regions: [], rest: {}, output: {} });
  $("compose").reset();
  save();
}

export const preset = () => document.querySelector('input[name="preset"]:checked')?.value ?? "standard";

export const layerInputs = (name) => [...$(name).querySelectorAll("input")];

/** Keep the draft until the tab is closed. */
export function save() {
  const form = Object.fromEntries(fields().map((field) => [field.id, field.type === "checkbox" ? field.checked : field.value]));
  const { content, styles, regions, rest, output } = draft;
  try {
    sessionStorage.setItem(PLACE, JSON.stringify({ content, styles, regions, rest, output, form, preset: preset() }));
  } catch {
    // There is no room for so many thumbnails: then the draft lasts only as long as the page.
  }
}

/** Take up what was kept; says whether there was anything. */
export function restore() {
  const kept = JSON.parse(sessionStorage.getItem(PLACE) ?? "null");
  if (!kept) return false;
  const { content, styles, regions = [], rest = {}, output = {} } = kept;
  Object.assign(draft, { content, styles, regions, rest, output, masks: [] });
  fill(kept.form, kept.preset);
  return true;
}

/** Take up the spec of a job, to be changed; `found` gives its picture at a pointer, and what its preset says is left to that. */
export function takeUp(spec, found, presets) {
  draft.content = found("/content", "photograph");
  draft.styles = spec.styles.map(({ weight, scale }, n) => ({
    weight,
    scale,
    picture: found(`/styles/${n}/image`, `painting ${n + 1}`),
  }));
  draft.masks = [];
  draft.regions = spec.regions.map(({ style, content_mask, style_mask }, n) => ({
    style,
    ...(content_mask && { content_mask: found(`/regions/${n}/content_mask`).ref }),
    ...(style_mask && { style_mask: found(`/regions/${n}/style_mask`).ref }),
  }));
  const { options, output } = spec;
  const unusual = (values, usual) => Object.fromEntries(Object.entries(values).filter(([name, value]) => name in usual && value !== usual[name]));
  draft.rest = unusual(options, USUAL);
  draft.output = { ...unusual(output, USUAL_OUTPUT), format: output.format };
  const own = Object.fromEntries(Object.entries(options).filter(([name, value]) => presets[spec.preset]?.[name] !== value));
  const ratio = options.style_weight / (options.content_weight || 1e-9);
  const form = {
    ...Object.fromEntries(NUMBERS.map((name) => [name, own[name] ?? ""])),
    ...Object.fromEntries(CHOICES.map((name) => [name, options[name] ?? ""])),
    balance: Math.log10(ratio || 1e-9).toFixed(1),
    format: output.format,
    film: Boolean(output.timelapse),
  };
  if (["content", "image"].includes(form.init)) form.init = "";
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
