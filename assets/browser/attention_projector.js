// For the projector: one picture, larger type, nothing else; arrow keys for head, layer and step. Stands behind format.js.
class Projector {
  // `stage` is what is shown large, `move` takes {layer, head, steps} as distances, `changed` draws anew.
  constructor(root, stage, { move, play, changed }) {
    Object.assign(this, { stage, move, play, changed });
    this.dialog = make("dialog", "t-projector");
    this.keys = make("p", "t-projector-keys");
    this.dialog.append(this.keys);
    this.dialog.onkeydown = (event) => this.onKey(event);
    this.dialog.onclose = () => this.left();
    root.append(this.dialog);
    // The browser takes the Escape that ends full screen for itself: whoever leaves that leaves this too.
    this.onScreen = () => {
      if (!document.fullscreenElement && this.wasFull) this.leave();
      this.wasFull = Boolean(document.fullscreenElement);
      if (this.on) this.changed();
    };
    document.addEventListener("fullscreenchange", this.onScreen);
  }

  get on() {
    return this.dialog.open;
  }

  say(words) {
    this.keys.textContent = words.keys_shown;
    this.dialog.setAttribute("aria-label", words.projector);
  }

  async enter() {
    this.place = this.stage.parentElement;
    this.after = this.stage.nextSibling;
    try {
      await document.documentElement.requestFullscreen();
    } catch {
      // Not allowed here: then it fills the window.
    }
    this.dialog.prepend(this.stage);
    this.dialog.showModal();
    this.dialog.focus();
    this.changed();
  }

  leave() {
    if (this.on) this.dialog.close();
  }

  left() {
    this.place.insertBefore(this.stage, this.after);
    if (document.fullscreenElement) document.exitFullscreen();
    this.changed();
  }

  onKey(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const far = event.shiftKey;
    const goes = {
      ArrowLeft: far ? { steps: -1 } : { head: -1 }, ArrowRight: far ? { steps: 1 } : { head: 1 },
      ArrowUp: { layer: -1 }, ArrowDown: { layer: 1 }, PageUp: { steps: -1 }, PageDown: { steps: 1 },
    };
    if (event.key === " " && event.target.tagName !== "BUTTON") this.play();
    else if (goes[event.key]) this.move(goes[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  close() {
    document.removeEventListener("fullscreenchange", this.onScreen);
    this.dialog.onclose = null;
    this.leave();
  }
}
