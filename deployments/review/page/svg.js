// Small helpers to draw on pictures.

const SPACE = "http://www.w3.org/2000/svg";

export function make(name, attributes = {}, ...children) {
  const element = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

export const picture = (address, [x1, y1, x2, y2]) =>
  make("image", { href: address, x: x1, y: y1, width: x2 - x1, height: y2 - y1, preserveAspectRatio: "none" });

// Where a pointer is, in the coordinates of the drawing.
export function place(svg, event) {
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [point.x, point.y];
}

// Follows one pointer from its press to its release, whether finger, pen or mouse.
export function drag(element, event, move, end) {
  event.preventDefault();
  element.setPointerCapture(event.pointerId);
  const stop = (last) => {
    element.removeEventListener("pointermove", move);
    element.removeEventListener("pointerup", stop);
    element.removeEventListener("pointercancel", stop);
    end(last.type === "pointerup");
  };
  element.addEventListener("pointermove", move);
  element.addEventListener("pointerup", stop);
  element.addEventListener("pointercancel", stop);
}
