// A code and its parts: what one is made of the other, and what is to be said of it, the server tells.
function composeItemCode(box) {
  const whole = document.getElementById(box.dataset.workbenchField);
  const parts = [...box.querySelectorAll("[data-workbench-part]")];
  const notes = box.querySelector('[data-workbench="item-code-notes"]');
  const elsewhere = (name) => whole.form.elements[name]?.value ?? "";
  const chosen = () => Object.fromEntries(parts.map((part) => [part.dataset.workbenchPart, part.value]));
  let questions = 0;

  const put = (part, said) => {
    if (part.tagName === "SELECT") {
      const option = new Option(said.text, said.value, true, true);
      part.replaceChildren(new Option("", ""), ...(said.value ? [option] : []));
      $(part).trigger("change.select2");
    } else if (document.activeElement !== part) {
      part.value = said.value;
    }
  };

  const look = async (asked, isComposed) => {
    const question = ++questions;
    const query = new URLSearchParams({ ...asked, scope: elsewhere("scope"), destination: elsewhere("destination") });
    const answer = await fetch(`${box.dataset.workbenchLook}?${query}`);
    if (!answer.ok || question !== questions) {
      return;
    }
    const found = await answer.json();
    if (isComposed) {
      whole.value = found.code ?? "";
    }
    if (isComposed || found.code) {
      parts.forEach((part) => put(part, found.parts[part.dataset.workbenchPart]));
    }
    notes.replaceChildren(
      ...found.notes.map((note) => {
        const line = document.createElement("li");
        line.className = note.level;
        line.textContent = note.text;
        return line;
      }),
    );
  };
  const lookAtParts = () => look(chosen(), true);
  const lookAtWhole = () => look({ code: whole.value }, false);

  for (const part of parts) {
    if (part.tagName !== "SELECT") {
      part.addEventListener("input", lookAtParts);
      continue;
    }
    const digits = new RegExp(`^[0-9]{${part.dataset.workbenchDigits}}$`);
    $(part).select2({
      width: "100%",
      allowClear: true,
      placeholder: `${part.dataset.workbenchDigits} 位`,
      language: PICKER_WORDS,
      tags: true,
      createTag: ({ term }) => (digits.test(term.trim()) ? { id: term.trim(), text: term.trim() } : null),
      ajax: {
        delay: 200,
        dataType: "json",
        url: part.dataset.workbenchUrl,
        data: ({ term }) => ({ ...chosen(), q: term || "", destination: elsewhere("destination") }),
      },
    });
    $(part).on("select2:select select2:clear", lookAtParts);
  }
  whole.addEventListener("change", lookAtWhole);
  for (const name of ["scope", "destination"]) {
    whole.form.elements[name]?.addEventListener("change", lookAtWhole);
  }
  lookAtWhole();
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll('[data-workbench="item-code"]').forEach(composeItemCode);
});
