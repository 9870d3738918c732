// What the library writes as code into attributes, which our content security policy does not run.
document.addEventListener("click", (event) => {
  if (event.target.closest('[data-workbench="apply-columns"]')) {
    applyColumnVisibility();
  }
});
document.addEventListener("change", (event) => {
  if (event.target.matches('[data-workbench="go-to-value"]')) {
    window.location = event.target.value;
  }
});

// Fields that refer to a ledger: select2 asks the server for codes and names, a page at a time.
const PICKER_WORDS = {
  errorLoading: () => "无法载入",
  loadingMore: () => "正在载入…",
  noResults: () => "没有找到",
  removeAllItems: () => "清除",
  removeItem: () => "移除",
  searching: () => "正在查找…",
};

function makePicker(element) {
  const picker = $(element);
  const selector = element.dataset.workbenchSelector;
  const meaning = () => (selector ? $(document.getElementById(selector)).val() : "");
  picker.select2({
    width: "100%",
    allowClear: !element.dataset.workbenchRequired,
    placeholder: "请选择",
    language: PICKER_WORDS,
    dropdownParent: picker.closest(".modal").length ? picker.closest(".modal") : undefined,
    ajax: {
      delay: 200,
      dataType: "json",
      url: () => element.dataset.workbenchUrl,
      data: (wanted) => ({ q: wanted.term || "", page: wanted.page || 1, when: meaning() }),
    },
  });
  if (selector) {
    $(document.getElementById(selector)).on("change", () => picker.val(null).trigger("change"));
  }
}

// Changing a column of many rows: a column that refers to a ledger is chosen, any other is typed.
document.addEventListener("change", (event) => {
  if (!event.target.matches('[data-workbench="bulk-column"]')) {
    return;
  }
  const form = event.target.form;
  const url = event.target.selectedOptions[0].dataset.workbenchUrl;
  const picker = form.querySelector('[data-workbench="bulk-picker"]');
  const typed = form.querySelector('input[name="value"]');
  if ($(picker).data("select2")) {
    $(picker).select2("destroy").empty();
  }
  typed.disabled = Boolean(url);
  typed.classList.toggle("d-none", Boolean(url));
  picker.disabled = !url;
  picker.classList.toggle("d-none", !url);
  if (url) {
    picker.dataset.workbenchUrl = url;
    makePicker(picker);
  }
});

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll('select[data-workbench="picker"]').forEach(makePicker);
});
