// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// A script of its own and not a module: it runs before the first paint, so that a dark page never flashes light.
(() => {
  const stored = () => {
    try {
      return localStorage.getItem("spark-theme");
    } catch {
      return null; // storage may be forbidden; the system's choice stands then
    }
  };
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
  };
  apply(stored());

  addEventListener("DOMContentLoaded", () => {
    const select = document.getElementById("theme");
    select.value = document.documentElement.dataset.theme ?? "auto";
    select.addEventListener("change", () => {
      apply(select.value);
      try {
        localStorage.setItem("spark-theme", select.value);
      } catch {
        // it holds until the tab is closed
      }
      dispatchEvent(new Event("spark-theme"));
    });
    // A plot is painted with the colours of its time, so it must be told of the system's changes, too.
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("spark-theme")));
  });
})();
