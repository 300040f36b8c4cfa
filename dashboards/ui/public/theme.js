// Applies the stored theme before the first paint. A file of its own because the content policy allows no inline script.
(() => {
  try {
    const theme = localStorage.getItem('halfopen.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be blocked; the system's preference then decides.
  }
})();
