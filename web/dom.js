// dom.js: elements, made without markup: every text of a view goes in as text.

// el("p", {class: "x", title: "y", onclick: f, aria: {label: "z"}}, child, "text", ...)
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'class')
      node.className = value;
    else if (name === 'aria')
      for (const [k, v] of Object.entries(value)) node.setAttribute(`aria-${k}`, v);
    else if (name.startsWith('on'))
      node.addEventListener(name.slice(2), value);
    else
      node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

export const byId = (id) => document.getElementById(id);

// Leaves the node as it is when its text is the same: screen readers need not say it again.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// An icon of ours: strokes in the colour of the text.
export function icon(path, size = 16) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('width', size);
  svg.setAttribute('height', size);
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const shape = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  shape.setAttribute('d', path);
  svg.append(shape);
  return svg;
}

export const ICONS = {
  directory: 'M1.5 4.5v8h13v-7h-6.5l-1.5-2h-5z',
  file: 'M4 1.5h5.5l3 3v10h-8.5zM9.5 1.5v3h3',
  symlink:
      'M6 9.5l4-4M7 4.5l1.5-1.5a2.5 2.5 0 0 1 3.5 3.5l-1.5 1.5M9 11.5l-1.5 1.5a2.5 2.5 0 0 1-3.5-3.5l1.5-1.5',
  other: 'M8 2.5l5.5 5.5-5.5 5.5-5.5-5.5z',
  closed: 'M6 4l4 4-4 4',
  open: 'M4 6l4 4 4-4',
};
