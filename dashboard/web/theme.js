// Runs before the first paint, so that a chosen theme does not flash. The switch itself is in app.js.
try {
  const theme = localStorage.getItem('snowstream.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch { /* no storage: the system's theme holds */ }
