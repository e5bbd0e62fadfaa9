// Turns the drawn plots into ones that answer: values under the pointer, zoom, all plots on one axis of time.
// Without this script the page shows the same plots as pictures. Whatever the run recorded is set as text, never as HTML.
"use strict";
(() => {
  const stored = document.getElementById("plots-data");
  if (!stored || !window.uPlot) return;
  const { end_s: endS, bands, plots } = JSON.parse(stored.textContent);
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const dashes = [[], [7, 3], [1.5, 4], [9, 3, 2, 3], [4, 3], [12, 4]];
  const shown = [];
  let zooming = false;

  // Round numbers as the page's tables have them.
  const digits = (value) => (Math.abs(value) >= 100 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(3))));
  const seconds = (value) => `${Math.abs(value) < 1000 ? Number(value.toFixed(2)) : Math.round(value).toLocaleString("en")} s`;
  const ratio = () => window.devicePixelRatio || 1;

  // The same textures as the drawn plots, so that colours are not all that tells the layers apart.
  function texture(look) {
    const tile = document.createElement("canvas");
    const size = Math.round(7 * ratio());
    tile.width = tile.height = size;
    const pen = tile.getContext("2d");
    pen.fillStyle = colour(`--s${look}`);
    pen.fillRect(0, 0, size, size);
    pen.strokeStyle = look === 4 ? colour("--card") : colour("--texture");
    pen.fillStyle = pen.strokeStyle;
    pen.lineWidth = 1.4 * ratio();
    pen.beginPath();
    if (look === 1 || look === 3) { pen.moveTo(0, size); pen.lineTo(size, 0); }
    if (look === 3) { pen.moveTo(0, 0); pen.lineTo(size, size); }
    if (look === 4) { pen.moveTo(0, size / 2); pen.lineTo(size, size / 2); }
    pen.stroke();
    if (look === 2) { pen.arc(size / 2, size / 2, 1.1 * ratio(), 0, 7); pen.fill(); }
    return pen.createPattern(tile, "repeat");
  }

  function shade(chart) {
    const { ctx: pen } = chart;
    const { left, top, width, height } = chart.bbox;
    pen.save();
    pen.setLineDash([]);
    for (const band of bands) {
      for (const [start, end] of band.windows) {
        const from = Math.max(chart.valToPos(start, "x", true), left);
        const to = Math.min(chart.valToPos(Math.min(end, endS), "x", true), left + width);
        if (to < left || from > left + width) continue;
        const wide = Math.max(to - from, 2);
        pen.fillStyle = colour("--band");
        pen.fillRect(from, top, wide, height);
        pen.save();
        pen.beginPath();
        pen.rect(from, top, wide, height);
        pen.clip();
        pen.beginPath();
        for (let x = from - height; x < to; x += 7 * ratio()) { pen.moveTo(x, top + height); pen.lineTo(x + height, top); }
        pen.lineWidth = 2 * ratio();
        pen.strokeStyle = colour("--bar");
        pen.stroke();
        pen.restore();
        pen.beginPath();
        pen.moveTo(from, top); pen.lineTo(from, top + height);
        pen.moveTo(from + wide, top); pen.lineTo(from + wide, top + height);
        pen.lineWidth = ratio();
        pen.strokeStyle = colour("--band-edge");
        pen.stroke();
        pen.fillStyle = colour("--doubt");
        pen.font = `bold ${11 * ratio()}px system-ui, sans-serif`;
        pen.textAlign = "left";
        pen.textBaseline = "bottom";
        pen.fillText(band.letter, from + 2 * ratio(), top - ratio());
      }
    }
    pen.restore();
  }

  // What stands under the pointer, and which faults acted then.
  function said(plot, place) {
    const start = place * plot.step_s;
    const end = start + plot.step_s;
    const lines = [`${seconds(start)} to ${seconds(end)}`];
    for (const line of plot.lines) {
      const value = line.values[place];
      if (value !== null) lines.push(`${line.name}: ${digits(value)}`);
    }
    for (const band of bands) {
      if (band.windows.some(([from, to]) => from < end && to > start)) lines.push(`${band.letter} ${band.says}`);
    }
    return lines.join("\n");
  }

  function zoomAll(min, max) {
    if (zooming) return;
    zooming = true;
    for (const chart of shown) chart.setScale("x", { min, max });
    zooming = false;
  }

  function zoomAround(chart, factor) {
    const { min, max } = chart.scales.x;
    const middle = chart.cursor.left >= 0 ? chart.posToVal(chart.cursor.left, "x") : (min + max) / 2;
    const from = Math.max(0, middle - (middle - min) * factor);
    const to = Math.min(endS, middle + (max - middle) * factor);
    if (to - from > 0) zoomAll(from, to);
  }

  function bring(holder, plot) {
    const times = plot.lines[0].values.map((_, place) => (place + 0.5) * plot.step_s);
    const drawn = plot.lines.map((line) => line.values);
    if (plot.stack) {
      for (let layer = 1; layer < drawn.length; layer += 1) {
        drawn[layer] = drawn[layer].map((value, place) => (value || 0) + (drawn[layer - 1][place] || 0));
      }
    }
    const order = plot.lines.map((_, place) => place);
    if (plot.stack) order.reverse(); // the highest edge first: each layer covers the foot of the one above it
    const series = order.map((place) => {
      const { look } = plot.lines[place];
      return plot.stack
        ? { fill: () => (look ? texture(look) : colour("--s0")), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.92], gap: 0 }) }
        : { stroke: () => colour(`--c${look % 6}`), width: 2, dash: dashes[look % 6], points: { size: 5, show: () => false } }; // dots only where a value stands alone
    });
    const note = document.createElement("div");
    note.className = "note";
    note.setAttribute("role", "status");
    note.hidden = true;
    const axis = { stroke: () => colour("--soft"), font: "11px system-ui, sans-serif", ticks: { show: false } };
    const chart = new uPlot(
      {
        width: holder.clientWidth,
        height: holder.clientHeight,
        padding: [16, 8, 0, 0],
        legend: { show: false },
        scales: { x: { time: false, auto: false, min: 0, max: endS, range: (_, min, max) => [min, max] }, y: { range: (_, min, max) => [Math.min(0, min || 0), max > 0 ? max * 1.05 : 1] } },
        axes: [
          { ...axis, grid: { show: false }, size: 24, gap: 4, space: 60, values: (_, at) => at.map(seconds) },
          { ...axis, grid: { stroke: () => colour("--faint"), width: 1 }, size: 46, gap: 6, values: (_, at) => at.map((value) => Number(value.toPrecision(6)).toLocaleString("en")) },
        ],
        series: [{}, ...series],
        cursor: { sync: { key: "run", scales: ["x", null] }, points: { show: !plot.stack }, drag: { x: true, y: false, setScale: true }, y: false },
        hooks: {
          drawClear: [shade],
          setScale: [(one, key) => { if (key === "x" && shown.length) zoomAll(one.scales.x.min, one.scales.x.max); }],
          setCursor: [
            (one) => {
              const inside = holder.matches(":hover, :focus");
              note.hidden = !inside || one.cursor.idx === null || one.cursor.idx === undefined;
              if (note.hidden) return;
              note.textContent = said(plot, one.cursor.idx);
              note.classList.toggle("left", one.cursor.left > one.over.clientWidth / 2);
            },
          ],
        },
      },
      [times, ...order.map((place) => drawn[place])],
      holder,
    );
    holder.append(note);
    holder.addEventListener("mouseleave", () => { note.hidden = true; });
    holder.addEventListener("blur", () => { note.hidden = true; });
    holder.addEventListener("dblclick", () => zoomAll(0, endS));
    holder.addEventListener("keydown", (event) => {
      const last = times.length - 1;
      const at = chart.cursor.idx ?? -1;
      const to = { ArrowRight: Math.min(at + 1, last), ArrowLeft: Math.max(at - 1, 0), Home: 0, End: last }[event.key];
      if (to !== undefined) {
        chart.setCursor({ left: chart.valToPos(times[to], "x"), top: 10 });
      } else if (event.key === "+" || event.key === "=") zoomAround(chart, 0.5);
      else if (event.key === "-") zoomAround(chart, 2);
      else if (event.key === "0" || event.key === "Escape") zoomAll(0, endS);
      else return;
      event.preventDefault();
    });
    new ResizeObserver(() => chart.setSize({ width: holder.clientWidth, height: holder.clientHeight })).observe(holder);
    return chart;
  }

  const made = [];
  for (const [place, plot] of plots.entries()) {
    const figure = document.getElementById(`plot-${place}`);
    const still = figure.querySelector(".plot");
    const holder = document.createElement("div");
    holder.className = "moving";
    holder.tabIndex = 0;
    holder.setAttribute("role", "application");
    holder.setAttribute("aria-label", `${still.querySelector("svg").getAttribute("aria-label")} Arrow keys read the values, + and - zoom, 0 shows the whole run.`);
    still.before(holder);
    figure.classList.add("live");
    made.push(bring(holder, plot));
  }
  shown.push(...made);
  const hint = document.getElementById("plots-hint");
  if (hint) hint.hidden = false;
  const repaint = () => { for (const chart of shown) chart.redraw(false); };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
})();
