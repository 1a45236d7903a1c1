// What the reader chose, remembered in this browser.  The token is kept until the tab is closed, and not longer.

const PREFIX = "max-whisper.";

/**
 * A choice from earlier, or `otherwise`.
 * @param {string} name
 */
export function remembered(name, otherwise = "") {
  return read("localStorage", name) ?? otherwise;
}

/**
 * Remember a choice; "" forgets it.
 * @param {string} name
 * @param {string} value
 */
export function remember(name, value) {
  write("localStorage", name, value);
}

/** The token given in this tab, or in the address behind `#token=`, from where it is taken away. */
export function token() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    setToken(given);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return given ?? read("sessionStorage", "token") ?? "";
}

/** @param {string} value */
export function setToken(value) {
  write("sessionStorage", "token", value);
}

/**
 * @param {"localStorage" | "sessionStorage"} store
 * @param {string} name
 */
function read(store, name) {
  try {
    return window[store].getItem(PREFIX + name);
  } catch (error) {
    return refused(error);
  }
}

/**
 * @param {"localStorage" | "sessionStorage"} store
 * @param {string} name
 * @param {string} value
 */
function write(store, name, value) {
  try {
    if (value) window[store].setItem(PREFIX + name, value);
    else window[store].removeItem(PREFIX + name);
  } catch (error) {
    refused(error);
  }
}

/** A browser may forbid storage, or have no room: then nothing is remembered. @param {unknown} error */
function refused(error) {
  if (!(error instanceof DOMException)) throw error;
  return null;
}
