// The theme that was chosen in the admin's menu; without a choice the system's own.
try {
  const chosen = JSON.parse(localStorage.getItem("adminTheme"));
  if (chosen === "dark" || chosen === "light") document.documentElement.classList.add(chosen);
} catch {
  // Storage may be switched off.
}
