// Prepares the page before textual.js starts: the address of the websocket, the keyboard focus, the reason of an end,
// and copying without a secure connection.
"use strict";

const NO_REASON = "The connection to gjobs was lost.";

class ReportingWebSocket extends WebSocket {
  constructor(url) {
    super(url);
    this.addEventListener("message", focusTerminal, { once: true });
    this.addEventListener("close", (event) => {
      document.getElementById("reason").textContent = event.reason || NO_REASON;
      document.getElementById("again").focus();
    });
  }
}

function focusTerminal() {
  document.querySelector(".xterm-helper-textarea")?.focus();
}

// Browsers have no clipboard for pages without https, except on this machine. Others allow it only after a click.
const clipboard = navigator.clipboard;

async function copyText(text) {
  try {
    await clipboard.writeText(text);
  } catch {
    if (!copySelection(text)) {
      document.getElementById("copy").onclick = () => copySelection(text);
      document.getElementById("uncopied").classList.add("-shown");
    }
  }
}

function copySelection(text) {
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  focusTerminal();
  document.getElementById("uncopied").classList.toggle("-shown", !isCopied);
  return isCopied;
}

const openWindow = window.open.bind(window);

// Browsers block a new window for a download, if it takes long to make the file.
function openAddress(address, target) {
  if (!address) {
    // The terminal opens an empty window first, and removes the reference to this page itself.
    return openWindow();
  }
  if (!address.startsWith(`${location.origin}/download/`)) {
    return openWindow(address, target, "noopener");
  }
  const link = document.createElement("a");
  link.href = address;
  link.download = "";
  link.click();
  return null;
}

window.open = openAddress;
window.WebSocket = ReportingWebSocket;
Object.defineProperty(navigator, "clipboard", { value: { writeText: copyText, readText: async () => "" } });
document.addEventListener("DOMContentLoaded", () => {
  const address = `${location.origin.replace(/^http/, "ws")}/ws`;
  document.getElementById("terminal").dataset.sessionWebsocketUrl = address;
  document.getElementById("again").addEventListener("click", () => location.reload());
});
