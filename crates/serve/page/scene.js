// Figures as lists of shapes, drawn on a canvas, as SVG in the page, or into a file. Text is only ever set as text.
//
// A scene is { width, height, title, shapes }. A shape is one of
//   { rect: [x, y, w, h], fill, opacity }          { line: [x1, y1, x2, y2], stroke, width, dash }
//   { path: [[x, y], ...], stroke, width, dash }   { dot: [x, y, r], fill, stroke }
//   { text, at: [x, y], fill, size, anchor, turn, bold }
//   { marks: [x, y, x, y, ...], size: [w, h], fill }    many small rectangles of one size

const SVG = "http://www.w3.org/2000/svg";
const FONT = 'system-ui, -apple-system, "Segoe UI", "Noto Sans", "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif';

/** The theme's colour of a name. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/** An element with attributes. */
export function element(name, attributes = {}, text) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined && value !== null) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function svgElement(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const near = (number) => Math.round(number * 100) / 100;

/** A scene as an SVG element; the description is what is read aloud. */
export function toSvg(scene, background) {
  const { width, height } = scene;
  const root = svgElement("svg", { xmlns: SVG, viewBox: `0 0 ${near(width)} ${near(height)}`, role: "img", "font-family": FONT });
  root.append(svgElement("title", {}, scene.title));
  if (background) root.append(svgElement("rect", { width: near(width), height: near(height), fill: background }));
  for (const shape of scene.shapes) {
    if (shape.rect) {
      const [x, y, w, h] = shape.rect.map(near);
      root.append(svgElement("rect", { x, y, width: w, height: h, fill: shape.fill, "fill-opacity": shape.opacity, rx: shape.round }));
    } else if (shape.line || shape.path) {
      const points = shape.path || [shape.line.slice(0, 2), shape.line.slice(2)];
      const d = points.map(([x, y], at) => `${at ? "L" : "M"}${near(x)} ${near(y)}`).join("");
      root.append(svgElement("path", { d, fill: "none", stroke: shape.stroke, "stroke-width": shape.width || 1, "stroke-dasharray": shape.dash && shape.dash.join(" "), "stroke-linejoin": "round" }));
    } else if (shape.dot) {
      const [cx, cy, r] = shape.dot.map(near);
      root.append(svgElement("circle", { cx, cy, r, fill: shape.fill, stroke: shape.stroke, "stroke-width": shape.stroke && 1.5 }));
    } else if (shape.marks) {
      const [w, h] = shape.size.map(near);
      let d = "";
      for (let at = 0; at < shape.marks.length; at += 2) d += `M${near(shape.marks[at])} ${near(shape.marks[at + 1])}h${w}v${h}h${-w}z`;
      root.append(svgElement("path", { d, fill: shape.fill }));
    } else if (shape.text !== undefined) {
      const [x, y] = shape.at.map(near);
      root.append(svgElement("text", {
        x, y, fill: shape.fill, "font-size": shape.size || 12, "text-anchor": shape.anchor || "start", "font-weight": shape.bold ? 600 : undefined,
        transform: shape.turn ? `rotate(${shape.turn} ${x} ${y})` : undefined,
      }, shape.text));
    }
  }
  return root;
}

/** Draws a scene on a canvas, whose size becomes the scene's. */
export function toCanvas(scene, canvas, scale, background) {
  const { width, height } = scene;
  canvas.width = Math.ceil(width * scale);
  canvas.height = Math.ceil(height * scale);
  const g = canvas.getContext("2d");
  g.scale(scale, scale);
  if (background) {
    g.fillStyle = background;
    g.fillRect(0, 0, width, height);
  }
  for (const shape of scene.shapes) {
    g.globalAlpha = shape.opacity ?? 1;
    g.fillStyle = shape.fill || "transparent";
    if (shape.rect) {
      g.beginPath();
      g.roundRect(...shape.rect, shape.round || 0);
      g.fill();
    } else if (shape.line || shape.path) {
      const points = shape.path || [shape.line.slice(0, 2), shape.line.slice(2)];
      g.beginPath();
      points.forEach(([x, y], at) => (at ? g.lineTo(x, y) : g.moveTo(x, y)));
      g.strokeStyle = shape.stroke;
      g.lineWidth = shape.width || 1;
      g.setLineDash(shape.dash || []);
      g.lineJoin = "round";
      g.stroke();
    } else if (shape.dot) {
      g.beginPath();
      g.arc(...shape.dot, 0, 2 * Math.PI);
      g.fill();
      if (shape.stroke) {
        g.strokeStyle = shape.stroke;
        g.lineWidth = 1.5;
        g.setLineDash([]);
        g.stroke();
      }
    } else if (shape.marks) {
      const [w, h] = shape.size;
      for (let at = 0; at < shape.marks.length; at += 2) g.fillRect(shape.marks[at], shape.marks[at + 1], w, h);
    } else if (shape.text !== undefined) {
      g.save();
      g.font = `${shape.bold ? "600 " : ""}${shape.size || 12}px ${FONT}`;
      g.textAlign = { start: "left", middle: "center", end: "right" }[shape.anchor || "start"];
      g.translate(...shape.at);
      if (shape.turn) g.rotate((shape.turn * Math.PI) / 180);
      g.fillText(shape.text, 0, 0);
      g.restore();
    }
  }
  g.globalAlpha = 1;
}

const ruler = document.createElement("canvas").getContext("2d");

/** How wide a text is. */
export function widthOf(text, size) {
  ruler.font = `${size}px ${FONT}`;
  return ruler.measureText(text).width;
}

/** The beginning of a text that fits. */
export function fitted(text, size, most) {
  if (widthOf(text, size) <= most) return text;
  const letters = [...text];
  while (letters.length > 1 && widthOf(`${letters.join("")}…`, size) > most) letters.pop();
  return `${letters.join("")}…`;
}

function give(blob, name) {
  const address = URL.createObjectURL(blob);
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/** Offers a scene as a file. */
export function save(scene, kind, name) {
  const paper = colour("panel");
  if (kind === "svg") {
    const root = toSvg(scene, paper);
    root.setAttribute("width", near(scene.width));
    root.setAttribute("height", near(scene.height));
    give(new Blob([new XMLSerializer().serializeToString(root)], { type: "image/svg+xml" }), `${name}.svg`);
    return;
  }
  const canvas = document.createElement("canvas");
  toCanvas(scene, canvas, 2, paper);
  canvas.toBlob((blob) => give(blob, `${name}.png`), "image/png");
}
