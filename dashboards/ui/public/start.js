// Runs before anything is painted: applies the stored theme, and asks for the files of the page that the address names, which
// its script tag lists, so that they load beside the shell and not after it. A file of its own because the content policy allows
// no inline script.
((script) => {
  try {
    const theme = localStorage.getItem('halfopen.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    // Storage may be blocked; the system's preference then decides.
  }
  const page = location.pathname.split('/').pop() || 'explorer';
  for (const file of (script.getAttribute(`data-${page}`) || '').split(' ').filter(Boolean)) {
    const link = document.createElement('link');
    link.rel = file.endsWith('.css') ? 'preload' : 'modulepreload';
    if (link.rel === 'preload') link.as = 'style';
    link.crossOrigin = '';
    link.href = file;
    document.head.append(link);
  }
})(document.currentScript);
