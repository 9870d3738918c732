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
