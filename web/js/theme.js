/**
 * The colours of a timeline on the page's own palette, dark or light.
 * Lanes are told apart by place and name; each colour stands out 3 to 1 from either background.
 * Knows nothing about what is painted with them.
 */

const ON_DARK = {
  sound: "#a9b0b7",
  mouth: "#f2a65a",
  yaw: "#6fb8f0",
  pitch: "#f2c94c",
  roll: "#5fd3a6",
  blink: "#cbaaf7",
  emotion: "#ff9aa8",
};
const ON_LIGHT = {
  sound: "#43484d",
  mouth: "#7d3800",
  yaw: "#0a4a82",
  pitch: "#5e4500",
  roll: "#004f38",
  blink: "#55298c",
  emotion: "#8f1735",
};
const MIDDLE = 0.3; // of luminance: lighter backgrounds take dark colours

/** Colours for what lies on `element`. */
export function coloursOf(element) {
  const style = getComputedStyle(element);
  const named = (name, otherwise) => plain(style.getPropertyValue(name).trim() || otherwise);
  const background = named("--comfy-input-bg", "#222222");
  const isLight = luminance(background) > MIDDLE;
  return {
    background,
    ink: named("--input-text", isLight ? "#222222" : "#dddddd"),
    faint: isLight ? "#3f4347" : "#a0a0a0",
    line: isLight ? "rgba(0, 0, 0, 0.22)" : "rgba(255, 255, 255, 0.16)",
    stripe: isLight ? "rgba(255, 255, 255, 0.28)" : "rgba(255, 255, 255, 0.035)",
    lanes: isLight ? ON_LIGHT : ON_DARK,
  };
}

/** How much two colours (#rrggbb) stand out from each other, 1 to 21, as WCAG 2 counts it. */
export function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Any CSS colour as #rrggbb; what shines through is left out. */
function plain(colour) {
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = colour;
  if (context.fillStyle.startsWith("#")) return context.fillStyle;
  const parts = context.fillStyle.match(/[\d.]+/g).slice(0, 3);
  return `#${parts.map((part) => Math.round(part).toString(16).padStart(2, "0")).join("")}`;
}
