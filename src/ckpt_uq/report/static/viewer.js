"use strict";
// The 3D viewer. NiiVue is unpacked from the page itself when the first case is opened; nothing is fetched but a
// case's own files where they were too large to be carried along.
(() => {
  const page = JSON.parse(document.getElementById("viewer-data").textContent);
  const dialog = document.getElementById("viewer"), form = document.getElementById("viewer-controls");
  const state = document.getElementById("viewer-state"), slice = document.getElementById("slice");
  const files = document.getElementById("viewer-files");
  const ORDER = ["image", "segmentation", "labels", "predictive_entropy", "mutual_information"];
  let viewer = null, shown = null, turn = 0;

  const bytesOf = (base64) => Uint8Array.from(atob(base64.trim()), (c) => c.charCodeAt(0));
  async function unzipped(bytes) {
    if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes.buffer;
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
  }
  async function niivue() {
    if (window.niivue) return window.niivue;
    const source = await unzipped(bytesOf(document.getElementById("niivue-bundle").textContent));
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    await new Promise((done, failed) => {
      const script = document.createElement("script");
      Object.assign(script, { src: url, onload: done, onerror: () => failed(new Error("the viewer could not be unpacked")) });
      document.head.append(script);
    });
    URL.revokeObjectURL(url);
    return window.niivue;
  }
  async function started() {
    if (viewer) return viewer;
    if (!document.createElement("canvas").getContext("webgl2")) throw new Error("this browser offers no WebGL 2, which the viewer needs");
    const { Niivue } = await niivue();
    viewer = new Niivue({
      backColor: [0.04, 0.045, 0.055, 1], isRadiologicalConvention: true, dragAndDropEnabled: false, logLevel: "error",
      crosshairWidth: 0.25, crosshairWidthUnit: "percent", crosshairColor: [0.55, 0.75, 1, 1], show3Dcrosshair: true, loadingText: "", fontSizeScaling: 0.35,
      multiplanarForceRender: true, multiplanarLayout: 2, tileMargin: 8, isNearestInterpolation: false,
    });
    await viewer.attachToCanvas(document.getElementById("viewer-canvas"));
    for (const role of Object.keys(page.palette.maps)) setColours(role, 0);
    viewer.onLocationChange = ({ frac }) => { if (shown && frac) showSlice(frac[shown.axis]); };
    return viewer;
  }

  // Slices are counted from the head, as beside the pictures; NiiVue's fractions run from the feet.
  const fraction = (number) => 1 - (number - 0.5) / shown.slices;
  function showSlice(at) {
    const number = Math.min(shown.slices, Math.max(1, Math.round((1 - at) * shown.slices + 0.5)));
    slice.value = number;
    document.getElementById("slice-value").textContent = `${number} of ${shown.slices}`;
  }
  const labelColours = () => {
    const rows = page.palette.classes, pick = (which) => [0, ...rows.map(({ rgb }) => rgb[which])];
    return { R: pick(0), G: pick(1), B: pick(2), A: [0, ...rows.map(() => 255)], I: [0, ...rows.map((_, i) => i + 1)], labels: ["background", ...rows.map(({ name }) => name)] };
  };
  // The colours from a threshold on: a value keeps its colour wherever the threshold is, and below it there is none.
  function setColours(role, bits) {
    const { table, max } = page.palette.maps[role], last = table.length - 1;
    const rows = [0, ...Array(64).keys()].map((step) => {
      const at = last * (bits / max + (1 - bits / max) * (step / 63)), before = Math.min(last - 1, Math.floor(at));
      return table[before].map((value, which) => Math.round(value + (table[before + 1][which] - value) * (at - before)));
    });
    const channel = (which) => rows.map((row) => row[which]);
    const I = rows.map((_, index) => (index ? Math.max(1, Math.round((255 * (index - 1)) / 63)) : 0));
    viewer.addColormap(role, { R: channel(0), G: channel(1), B: channel(2), A: I.map((i) => (i ? 255 : 0)), I });
  }
  async function dataOf(anchor, role, link) {
    if (link instanceof File) return unzipped(new Uint8Array(await link.arrayBuffer()));
    if (link === null) return unzipped(bytesOf(document.getElementById(`${anchor}-${role}`).textContent));
    const answer = await fetch(link);
    if (!answer.ok) throw new Error(`${link}: ${answer.status}`);
    return unzipped(new Uint8Array(await answer.arrayBuffer()));
  }
  async function load(anchor, chosen) {
    const mine = ++turn, entry = page.cases[anchor];
    state.textContent = "Loading…";
    try {
      const nv = await started(), { NVImage } = window.niivue, images = [];
      for (const role of ORDER.filter((name) => name in (chosen ?? entry.volumes))) {
        const buffer = await dataOf(anchor, role, chosen?.[role] ?? entry.volumes[role]);
        const image = await NVImage.loadFromUrl({ url: `${role}.nii`, name: `${role}.nii`, buffer, colormap: page.palette.maps[role] ? role : "gray" });
        images.push([role, image]);
      }
      if (mine !== turn) return;
      while (nv.volumes.length) nv.removeVolume(nv.volumes[0]);
      shown = { ...entry, anchor, roles: images.map(([role]) => role) };
      for (const [role, image] of images) {
        if (role === "image") [image.cal_min, image.cal_max] = entry.window;
        if (role === "segmentation" || role === "labels") image.setColormapLabel(labelColours());
        if (page.palette.maps[role]) image.cal_max = page.palette.maps[role].max;
        nv.addVolume(image);
      }
      slice.max = entry.slices;
      slice.value = entry.start;
      for (const set of form.querySelectorAll("fieldset[data-role]")) set.hidden = !shown.roles.includes(set.dataset.role);
      apply();
      moveTo(fraction(entry.start));
      files.hidden = true;
      state.textContent = "";
      dialog.dataset.ready = anchor;
    } catch (error) {
      if (mine !== turn) return;
      const beside = Object.values(entry.volumes).find((link) => link !== null);
      files.hidden = !beside || chosen !== undefined;
      if (beside) document.getElementById("viewer-folder").textContent = beside.replace(/[^/]*$/, "");
      state.textContent = `Cannot show this case: ${error.message}.`;
    }
  }
  function moveTo(at) {
    viewer.scene.crosshairPos = Object.assign([...viewer.scene.crosshairPos], { [shown.axis]: at });
    viewer.drawScene();
    showSlice(at);
  }
  function apply() {
    const nv = viewer, view = form.elements.view.value;
    const plane = [nv.sliceTypeSagittal, nv.sliceTypeCoronal, nv.sliceTypeAxial][shown.axis];
    for (const set of form.querySelectorAll("fieldset[data-role]")) {
      const role = set.dataset.role, index = shown.roles.indexOf(role);
      const [opacity, threshold] = ["opacity", "threshold"].map((name) => set.querySelector(`[name=${name}]`));
      opacity.previousElementSibling.textContent = `${opacity.value} %`;
      if (threshold) {
        const bits = (threshold.value / 100) * page.palette.maps[role].max;
        threshold.previousElementSibling.textContent = `${bits.toFixed(2)} bits`;
        if (index >= 0) {
          setColours(role, bits);
          nv.volumes[index].cal_min = bits;
        }
      }
      if (index >= 0) nv.volumes[index].opacity = set.querySelector("[name=show]").checked ? opacity.value / 100 : 0;
    }
    nv.setSliceType({ multi: nv.sliceTypeMultiplanar, slice: plane, render: nv.sliceTypeRender }[view]);
    nv.updateGLVolume();
  }

  form.addEventListener("input", (event) => {
    if (!shown || event.target.type === "file") return;
    if (event.target === slice) moveTo(fraction(Number(slice.value)));
    else apply();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  files.querySelector("input").addEventListener("change", (event) => {
    const anchor = dialog.dataset.case, chosen = {};
    for (const [role, link] of Object.entries(page.cases[anchor].volumes)) {
      const file = [...event.target.files].find(({ name }) => name === link.split("/").pop());
      if (file) chosen[role] = file;
    }
    load(anchor, chosen);
  });
  document.getElementById("viewer-close").addEventListener("click", () => dialog.close());
  for (const button of document.querySelectorAll(".open-viewer")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      dialog.dataset.case = button.dataset.case;
      delete dialog.dataset.ready;
      document.getElementById("viewer-name").textContent = page.cases[button.dataset.case].name;
      dialog.showModal();
      load(button.dataset.case);
    });
  }
})();
