// squarify.js: a rectangle divided among values, in pieces as square as possible
// (Bruls, Huizing, van Wijk: Squarified treemaps, 2000). Pure.

// The worst side ratio in a row of values with this sum, least and greatest, laid along `side`.
function worst(sum, least, greatest, side) {
  const square = (side * side) / (sum * sum);
  return Math.max(square * greatest, 1 / (square * least));
}

// One {x, y, w, h} for each of `values`, which are positive and fall. The areas are in proportion
// and fill the rectangle. O(values).
export function squarify(values, {x, y, w, h}) {
  const places = [];
  const all = values.reduce((sum, value) => sum + value, 0);
  if (!(all > 0) || !(w > 0) || !(h > 0)) return values.map(() => ({x, y, w: 0, h: 0}));
  const scale = (w * h) / all;
  for (let begin = 0; begin < values.length;) {
    const side = Math.max(Math.min(w, h), 1e-9);
    const greatest = values[begin] * scale;
    let sum = greatest;
    let end = begin + 1;
    let ratio = worst(sum, greatest, greatest, side);
    while (end < values.length) {
      const area = values[end] * scale;
      const next = worst(sum + area, area, greatest, side);
      if (next > ratio) break;
      ratio = next;
      sum += area;
      ++end;
    }
    const last = end === values.length;
    const thickness = last ? (w >= h ? w : h) : sum / side;
    let at = 0;
    for (let i = begin; i < end; ++i) {
      const length = i + 1 === end ? side - at : (values[i] * scale) / (sum / side);
      places.push(
          w >= h ? {x, y: y + at, w: thickness, h: length} :
                   {x: x + at, y, w: length, h: thickness});
      at += length;
    }
    if (w >= h) {
      x += thickness;
      w = Math.max(0, w - thickness);
    } else {
      y += thickness;
      h = Math.max(0, h - thickness);
    }
    begin = end;
  }
  return places;
}

// What of `items` ({value, ...}) is shown in so many square pixels when no tile may be smaller than
// `least` of them: {tiles, other: {value, count}, whole}. tiles fall in value; what is too small,
// and what `total` has more than the items tell of (not loaded, or the directory's own), is
// `other`. The values of tiles and other together are `whole`: nothing is left out. O(items log
// items).
export function choose(items, total, area, least, most = 2000) {
  const known = items.reduce((sum, item) => sum + Math.max(0, item.value), 0);
  const whole = Math.max(total, known);
  const tiles = items.filter((item) => item.value > 0 && (item.value / whole) * area >= least)
                    .sort((a, b) => b.value - a.value)
                    .slice(0, most);
  const shown = tiles.reduce((sum, item) => sum + item.value, 0);
  return {
    tiles,
    other: {value: Math.max(0, whole - shown), count: items.length - tiles.length},
    whole
  };
}
