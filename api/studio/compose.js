// The form on the left: pictures in, a job out.

import { $, el, show } from "./dom.js";
import * as drafts from "./draft.js";
import { draft } from "./draft.js";
import { openKept } from "./kept.js";
import * as pictures from "./pictures.js";
import { openRegions, regionsOf } from "./regions.js";
import { Problem, call } from "./service.js";
import { duration, tell } from "./words.js";

const PRESETS = { draft: "quick sketch", standard: "good", fine: "large and slow" };
const ESTIMATE_AFTER_MS = 400;

let limits = { styles: 8 };
let presets = {};
let posted = () => {};
let estimating = null;
let asked = 0; // estimates
let chosen = 0; // photographs
let coming = 0; // uploads that are on their way
let arrived = Promise.resolve(); // once those before are all taken

/** Set the form up; `onPosted` gets each job that was posted. */
export function open(capabilities, onPosted) {
  ({ limits, presets } = capabilities);
  posted = onPosted;
  $("size").max = limits.size_pixels;
  $("presets").replaceChildren(
    ...Object.entries(presets).map(([name, sets]) =>
      el("label", { className: "choice" },
        el("input", { type: "radio", name: "preset", value: name, checked: name === "standard" }),
        el("span", {}, el("b", {}, name), el("small", {}, `${PRESETS[name] ?? ""}, ${sets.size} px`)),
      ),
    ),
  );
  for (const name of ["content_layers", "style_layers"]) {
    const usual = name === "content_layers" ? capabilities.content_layers : {};
    $(name).replaceChildren(...capabilities.networks.vgg16.map((layer) => layerField(name, layer, usual[layer])));
  }
  for (const name of ["preserve_color", "style_distance", "init"]) $(name).dataset.usual = $(name).options[0].value;
  pictures.receiving($("content-drop"), ([file]) => bring($("content-drop"), [file], photographed()));
  pictures.receiving($("style-drop"), (files) => bring($("style-drop"), files, addStyle));
  $("open-styles").addEventListener("click", () => openKept({ add: addPainting, example: addExample, gone: forget, failed: complain }));
  $("open-regions").addEventListener("click", () => openRegions(changed).catch(complain));
  $("afresh").addEventListener("click", () => {
    drafts.clear();
    changed();
  });
  $("style_distance").addEventListener("change", () => {
    for (const input of drafts.layerInputs("style_layers")) input.value = ""; // they fit one distance alone
  });
  $("example").addEventListener("click", tryExample);
  $("compose").addEventListener("input", noted);
  $("compose").addEventListener("submit", post);
  drafts.restore();
  changed();
}

/** Take up a job, to be changed and posted anew; `inputs` are its pictures. */
export async function takeUp({ id, spec }, inputs) {
  tell($("compose-problem"), null);
  const mine = ++chosen; // whatever is chosen later counts, and what was on its way does not
  arriving(1);
  try {
    const brought = await Promise.all(inputs.map((input) => pictures.again(id, spec, input)));
    if (mine !== chosen) return;
    const found = (pointer, name) => ({ ...brought[inputs.findIndex((input) => input.pointer === pointer)], name });
    drafts.takeUp(spec, found, presets);
  } catch (problem) {
    return complain(problem);
  } finally {
    arriving(-1);
  }
  $("more").open = true;
  changed();
  $("compose").scrollIntoView({ block: "start" });
  $("balance").focus({ preventScroll: true });
}

function layerField(name, layer, usual) {
  const id = `${name}-${layer}`;
  return el("span", { className: "layer" },
    el("label", { for: id }, layer),
    el("input", { type: "number", id, min: 0, step: "any", inputMode: "decimal", placeholder: usual ?? "", data: { layer } }),
  );
}

/** Give what takes the photograph; one that was chosen before and comes later is not taken. */
function photographed() {
  const mine = ++chosen;
  return (picture) => {
    if (mine !== chosen) return;
    draft.content = picture;
    Object.assign(draft, { masks: [], regions: [] }); // they were of another
  };
}

/** Bring files, all at once, and take them in the order in which they were chosen. */
function bring(place, files, took) {
  tell($("compose-problem"), null);
  place.classList.add("busy");
  place.setAttribute("aria-busy", "true");
  arriving(files.length);
  const brought = files.map((file) => pictures.brought(file).then((picture) => ({ picture }), (problem) => ({ problem })));
  arrived = arrived.then(async () => {
    for (const [n, file] of files.entries()) {
      const { picture, problem } = await brought[n];
      arriving(-1);
      try {
        if (problem) throw problem;
        took(picture);
      } catch (wrong) { // what comes after it is taken all the same
        complain(wrong, file.name);
      }
    }
    place.classList.remove("busy");
    place.removeAttribute("aria-busy");
    changed();
  });
}

/** Nothing is posted while pictures are on their way. */
function arriving(more) {
  coming += more;
  $("post").disabled = coming > 0;
}

function complain(problem, name) {
  const text = problem instanceof Problem ? problem : new Problem({ code: "", title: problem.message });
  tell($("compose-problem"), text);
  if (name) $("compose-problem").prepend(el("p", { className: "about" }, name));
  $("compose-problem").focus();
}

function addStyle(picture) {
  if (draft.styles.length < limits.styles) draft.styles.push({ picture, weight: 1 });
  else complain(new Problem({ code: "", title: `There may be ${limits.styles} paintings at most` }));
}

function addPainting(picture) {
  addStyle(picture);
  changed();
}

async function addExample(name, title) {
  addPainting(await pictures.example(name, title));
}

async function tryExample() {
  $("example").disabled = true;
  try {
    if (!draft.content) photographed()(await pictures.example("pagoda", "china.jpg by danielbuechele, CC BY 2.0"));
    if (!draft.styles.length) addStyle(await pictures.example("dusk", "Dusk"));
  } catch (problem) {
    complain(problem);
  } finally {
    $("example").disabled = false;
  }
  changed();
}

/** Show the pictures of the draft as they are now. */
function changed() {
  showContent();
  showStyles();
  noted();
}

/** Say what the form says now, keep it, and ask what it would take. */
function noted() {
  const beyond = drafts.beyondForm().map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`);
  show($("beyond"), beyond.length > 0).textContent = `As in that job, too: ${beyond.join(", ")}.`;
  show($("afresh"), Boolean(draft.content || draft.styles.length));
  const ratio = drafts.balance();
  $("balance-said").value = ratio === 1 ? "in balance" : `the painting counts ${Number(ratio.toPrecision(2))} times as much`;
  show($("open-regions"), Boolean(draft.content && draft.styles.length));
  show($("example"), !draft.content || !draft.styles.length);
  const brushed = draft.masks.filter(Boolean).length;
  show($("regions-said"), brushed + draft.regions.length > 0).textContent = brushed
    ? "Painted by regions; what is left blank stays as it is."
    : "Painted by that job's regions, until others are brushed.";
  drafts.save();
  clearTimeout(estimating);
  estimating = setTimeout(estimate, ESTIMATE_AFTER_MS);
}

function showContent() {
  const { content } = draft;
  $("content-drop").classList.toggle("filled", Boolean(content));
  $("content-drop").querySelector("img, .nothumb")?.remove();
  $("content-drop").querySelector("b").textContent = content ? "Another photograph" : "Choose a photograph";
  if (content) $("content-drop").prepend(seen(content, `Photograph: ${content.name}`));
}

function showStyles() {
  const several = draft.styles.length > 1;
  $("paintings").replaceChildren(
    ...draft.styles.map((style, n) =>
      el("li", {},
        seen(style.picture, `Painting ${n + 1}: ${style.picture.name}`),
        several ? weightField(style, n) : null,
        el("div", { className: "row" },
          style.picture.ref.upload_id ? el("button", { type: "button", className: "quiet", onclick: (event) => keep(style.picture, event.target) }, "Keep") : null,
          el("button", { type: "button", className: "quiet", "aria-label": `Take painting ${n + 1} away`, onclick: () => remove(n) }, "Remove"),
        ),
      ),
    ),
  );
  show($("style-drop"), draft.styles.length < limits.styles).classList.toggle("small", draft.styles.length > 0);
  $("style-drop").querySelector("b").textContent = draft.styles.length ? "Another painting" : "Choose a painting";
}

function seen({ thumb, name, width, height }, alt) {
  const unseen = el("span", { className: "nothumb" }, name);
  if (!thumb) return unseen;
  const image = el("img", { src: thumb, alt, title: name, width: width || 4, height: height || 3 });
  image.addEventListener("error", () => image.replaceWith(unseen)); // its URL has expired
  return image;
}

function weightField(style, n) {
  const input = el("input", {
    type: "range", min: 0.1, max: 2, step: 0.1, value: style.weight, "aria-label": `How much painting ${n + 1} counts`,
    oninput: (event) => (style.weight = event.target.valueAsNumber),
  });
  return input;
}

function remove(n) {
  draft.styles.splice(n, 1);
  draft.masks.splice(n, 1);
  draft.regions = []; // they name paintings by their places
  changed();
  $("style-file").focus();
}

/** Take a painting away that the service keeps no longer. */
function forget(styleId) {
  const n = draft.styles.findIndex(({ picture }) => picture.ref.style_id === styleId);
  if (n >= 0) remove(n);
}

async function keep(picture, button) {
  button.disabled = true;
  try {
    const style = await call("POST", "v1/styles", { json: { name: picture.name.slice(0, 128), image: picture.ref } });
    picture.ref = { style_id: style.id };
    changed();
    $("open-styles").focus();
  } catch (problem) {
    button.disabled = false;
    complain(problem);
  }
}

async function estimate() {
  const place = $("estimate");
  const mine = ++asked;
  if (!draft.content || !draft.styles.length) {
    place.textContent = "";
    return;
  }
  try {
    const { seconds, size, queue } = await call("POST", "v1/estimates", { json: drafts.spec() });
    if (mine !== asked) return;
    const wait = queue.position > 1 ? `, behind ${queue.position - 1} in the queue` : "";
    place.textContent = `${size.width} × ${size.height} pixels` + (seconds ? `, about ${duration(seconds)}` : "") + wait;
  } catch {
    place.textContent = ""; // posting it will say what is wrong
  }
}

async function post(event) {
  event.preventDefault();
  tell($("compose-problem"), null);
  if (!draft.content) return complain(new Problem({ code: "", title: "Choose a photograph first" }));
  if (!draft.styles.length) return complain(new Problem({ code: "", title: "Choose a painting first" }));
  const wrong = [...$("compose").elements].find((field) => field.willValidate && !field.checkValidity());
  if (wrong) {
    $("more").open ||= $("more").contains(wrong);
    const label = wrong.labels?.[0]?.textContent ?? wrong.id;
    complain(new Problem({ code: "", title: `${label}: ${wrong.validationMessage}` }));
    return wrong.focus();
  }
  if (coming) return;
  arriving(1);
  $("compose").inert = true; // what is posted is what was there
  try {
    posted(await call("POST", "v1/jobs", { json: drafts.spec(await regionsOf(draft)) }));
  } catch (problem) {
    $("compose").inert = false;
    complain(problem);
  } finally {
    $("compose").inert = false;
    arriving(-1);
  }
}
