// The slider of an incident: fetches each step of the replay once, and shows it in place of the one before.
import { localise, prepareTheme } from "./viewer.js";

localise(document);
prepareTheme();

const slider = document.getElementById("slider");

if (slider) {
  const input = document.getElementById("step");
  const scenes = new Map();
  const links = [...document.querySelectorAll(".steps a")];
  slider.hidden = false;

  const fetched = async (number) => {
    if (!scenes.has(number)) {
      const response = await fetch(`?step=${number}`, { signal: AbortSignal.timeout(10000) });
      if (!response.ok) throw new Error(`status ${response.status}`);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      localise(page);
      scenes.set(number, page.getElementById("scene"));
    }
    return scenes.get(number);
  };

  const show = async (number) => {
    const scene = await fetched(number);
    if (Number(input.value) !== number) return; // the slider was moved on meanwhile
    document.getElementById("scene").replaceWith(document.importNode(scene, true));
    document.getElementById("step-number").textContent = number + 1;
    input.setAttribute("aria-valuetext", document.getElementById("scene-title").textContent);
    links.forEach((link, index) => (index === number ? link.setAttribute("aria-current", "step") : link.removeAttribute("aria-current")));
    history.replaceState(null, "", `?step=${number}#replay`);
  };

  input.addEventListener("input", () => show(Number(input.value)).catch(() => {}));
  links.forEach((link, index) =>
    link.addEventListener("click", (event) => {
      event.preventDefault();
      input.value = index;
      show(index).catch(() => (location.href = link.href));
    }),
  );
}
