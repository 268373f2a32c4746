// Elements, found and made.

/** Find an element of the page by its id. */
export const $ = (id) => document.getElementById(id);

/**
 * Make an element. Properties are set as properties, `aria-…`, `role` and `for` as attributes, `data` as data
 * attributes, and `on…` as listeners; children may be strings, elements, or nothing.
 */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name.startsWith("aria-") || name === "role" || name === "for") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** Make an element of a drawing. */
export function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Show an element where `shown`, and hide it otherwise. */
export function show(element, shown = true) {
  element.hidden = !shown;
  return element;
}
