// What the console does beyond htmx: charts of the series on the page, the pause button, and what became of the stream.
"use strict";

const COLOURS = { light: ["#0b6bcb", "#b4232a"], dark: ["#6cb6ff", "#ff8f8f"] };
const GRID = { light: "#d9dee5", dark: "#30363d" };
const AXIS = { light: "#4a5563", dark: "#aeb6c0" };
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const charts = new Map();

function shown(unit, value) {
  if (value === null || value === undefined) return "-";
  if (unit === "ms") return (value * 1000).toLocaleString("en", { maximumFractionDigits: value < 0.1 ? 1 : 0 }) + " ms";
  if (unit === "bytes") return (value / 1048576).toLocaleString("en", { maximumFractionDigits: 0 }) + " MiB";
  return value.toLocaleString("en", { maximumFractionDigits: 2 });
}

function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

function made(element, data) {
  const theme = dark.matches ? "dark" : "light";
  const axis = { stroke: AXIS[theme], grid: { stroke: GRID[theme], width: 1 }, ticks: { show: false }, font: "11px system-ui" };
  const unit = element.dataset.unit;
  const curves = JSON.parse(element.dataset.curves);
  const options = {
    width: element.clientWidth,
    height: 120,
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    scales: { y: { range: (_, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
    axes: [
      { ...axis, size: 20, space: 70, values: (_, values) => values.map(clock) },
      { ...axis, size: 58, space: 30, values: (_, values) => values.map((value) => shown(unit, value)) },
    ],
    series: [{}, ...curves.map((name, index) => ({ stroke: COLOURS[theme][index], width: 1.5, points: { show: false } }))],
  };
  return new uPlot(options, data, element);
}

function draw() {
  const source = document.getElementById("series");
  if (source === null) return;
  const times = JSON.parse(source.dataset.times);
  const series = JSON.parse(source.dataset.series);
  for (const element of document.querySelectorAll(".chart")) {
    const data = [times, ...JSON.parse(element.dataset.curves).map((name) => series[name])];
    const chart = charts.get(element.id);
    if (chart !== undefined && element.contains(chart.root)) {
      chart.setData(data);
    } else {
      charts.set(element.id, made(element, data));
    }
  }
}

function drawAnew() {
  for (const chart of charts.values()) chart.destroy();
  charts.clear();
  draw();
}

function connection(text) {
  const place = document.getElementById("connection");
  if (place !== null && place.textContent !== text) place.textContent = text;
}

const pause = document.getElementById("pause");
let paused = false;
if (pause !== null) {
  pause.hidden = false;
  pause.addEventListener("click", () => {
    paused = !paused;
    pause.setAttribute("aria-pressed", String(paused));
    pause.textContent = paused ? "Go on" : "Pause";
  });
}

document.body.addEventListener("htmx:sseBeforeMessage", (event) => {
  if (paused && event.target.id !== "verdict") event.preventDefault();
});
document.body.addEventListener("htmx:sseMessage", draw);
document.body.addEventListener("htmx:sseOpen", () => connection(""));
document.body.addEventListener("htmx:sseError", () => connection("no connection; trying again"));
dark.addEventListener("change", drawAnew);
let width = window.innerWidth;
window.addEventListener("resize", () => {
  if (window.innerWidth !== width) {
    width = window.innerWidth;
    drawAnew();
  }
});
draw();
