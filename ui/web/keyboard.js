// Single keys do what the buttons do.  They can be switched off, as WCAG 2.1.4 asks: who dictates commands says letters.

/**
 * Do what a key asks for, unless it is meant for a field, a menu or the browser.
 * @param {Record<string, () => unknown>} actions by the key's name; one that returns false leaves the key to the browser
 * @param {() => boolean} areOn
 */
export function listenForKeys(actions, areOn) {
  document.addEventListener("keydown", (event) => {
    const action = actions[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!action || !areOn() || isMeantElsewhere(event)) return;
    if (action() !== false) event.preventDefault();
  });
}

/** @param {KeyboardEvent} event */
function isMeantElsewhere(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  const isTyped = Boolean(target.closest("input, select, textarea, dialog, [popover]"));
  return isTyped || event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.isComposing;
}
